import type { Tokenizer } from "../weights/tokenizer";
import type { Machine } from "./machine";
import { afterByte, DEAD } from "./utf8";

/** Tokens in the order of their bytes, so that what two begin with is read
 * once. */
interface Sorted {
  readonly ids: readonly number[];
  /** Bytes that each has in common with the one before. */
  readonly common: readonly number[];
}

/** Bytes of the longest token that is found by them. */
const LONGEST = 16;

/** Which tokens may come where a machine stands. */
export class Vocabulary {
  /** How many ids there are. */
  readonly size: number;
  readonly end: number;
  /** By id; none of those that no text is written with. */
  readonly #bytes = new Map<number, readonly number[]>();
  /** By bytes. */
  readonly #ids = new Map<string, number>();
  readonly #all: Sorted;
  /** Whole characters only, no `"`, `\` or control character, and how many. */
  readonly #plain = new Map<number, number>();
  readonly #others: Sorted;

  constructor(tokenizer: Tokenizer, end: number) {
    this.size = tokenizer.lastId + 1;
    this.end = end;
    for (const [id, bytes] of bytesOf(tokenizer)) {
      if (id === end || bytes.length === 0) continue;
      this.#bytes.set(id, bytes);
      if (bytes.length <= LONGEST) this.#ids.set(keyOf(bytes), id);
      const length = plainLength(bytes);
      if (length !== undefined) this.#plain.set(id, length);
    }
    const ids = [...this.#bytes.keys()];
    this.#all = this.#sort(ids);
    this.#others = this.#sort(ids.filter((id) => !this.#plain.has(id)));
  }

  /** Undefined where the token leads nowhere. */
  after<Spot>(machine: Machine<Spot>, spot: Spot, id: number) {
    let now: Spot | undefined = spot;
    for (const byte of this.#bytes.get(id) ?? []) {
      now = machine.step(now, byte);
      if (now === undefined) return undefined;
    }
    return now;
  }

  /** Tokens of these bytes, each as long as can be. */
  encode(bytes: readonly number[]): number[] {
    const ids: number[] = [];
    for (let at = 0; at < bytes.length;) {
      let length = Math.min(LONGEST, bytes.length - at);
      const key = (): string => keyOf(bytes.slice(at, at + length));
      while (length > 1 && !this.#ids.has(key())) length -= 1;
      ids.push(this.#ids.get(key()) ?? this.end);
      at += length;
    }
    return ids;
  }

  /** Sets the bits of the tokens that may come, the end among them. */
  fill<Spot>(machine: Machine<Spot>, spot: Spot, bits: Uint32Array): void {
    bits.fill(0);
    if (machine.accepting(spot)) set(bits, this.end);
    const most = machine.freely(spot);
    if (most > 0) {
      for (const [id, length] of this.#plain) {
        if (length <= most) set(bits, id);
      }
    }
    const { ids, common } = most > 0 ? this.#others : this.#all;
    const spots: Spot[] = [spot];
    // So many bytes of the tokens that follow lead nowhere.
    let dead = Infinity;
    for (const [i, id] of ids.entries()) {
      const known = common[i] ?? 0;
      if (known >= dead) continue;
      dead = Infinity;
      const bytes = this.#bytes.get(id) ?? [];
      for (let at = known; at < bytes.length; at++) {
        const next = machine.step(spots[at] ?? spot, bytes[at] ?? 0);
        if (next === undefined) {
          dead = at + 1;
          break;
        }
        spots[at + 1] = next;
      }
      if (dead === Infinity) set(bits, id);
    }
  }

  #sort(ids: readonly number[]): Sorted {
    const bytes = (id: number): readonly number[] => this.#bytes.get(id) ?? [];
    const sorted = [...ids].sort((a, b) => compare(bytes(a), bytes(b)));
    const common = sorted.map((id, i) => {
      const before = sorted[i - 1];
      return before === undefined ? 0 : shared(bytes(before), bytes(id));
    });
    return { ids: sorted, common };
  }
}

export function set(bits: Uint32Array, id: number): void {
  const word = Math.floor(id / 32);
  bits[word] = (bits[word] ?? 0) | (1 << (id % 32));
}

/** The ids whose bits are set; undefined if they are more than `most`. */
export function members(bits: Uint32Array, most: number): number[] | undefined {
  const ids: number[] = [];
  for (const [at, word] of bits.entries()) {
    for (let left = word; left !== 0; left &= left - 1) {
      if (ids.length === most) return undefined;
      ids.push(32 * at + 31 - Math.clz32(left & -left));
    }
  }
  return ids;
}

export function isSet(bits: Uint32Array, id: number): boolean {
  return (((bits[Math.floor(id / 32)] ?? 0) >>> (id % 32)) & 1) === 1;
}

function keyOf(bytes: readonly number[]): string {
  return String.fromCharCode(...bytes);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = shared(a, b);
  return (a[at] ?? -1) - (b[at] ?? -1);
}

function shared(a: readonly number[], b: readonly number[]): number {
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at += 1;
  return at;
}

function plainLength(bytes: readonly number[]): number | undefined {
  let [state, length] = [0, 0];
  for (const byte of bytes) {
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) return undefined;
    if (state === 0) length += 1;
    state = afterByte(state, byte);
    if (state === DEAD) return undefined;
  }
  return state === 0 ? length : undefined;
}

/** The characters that stand for bytes in a vocabulary of bytes. */
const BYTES = byteAlphabet();

function byteAlphabet(): ReadonlyMap<string, number> {
  const map = new Map<string, number>();
  let others = 0;
  for (let byte = 0; byte < 256; byte++) {
    const seen = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    map.set(String.fromCodePoint(seen ? byte : 256 + others++), byte);
  }
  return map;
}

function* bytesOf(
  tokenizer: Tokenizer,
): Generator<readonly [number, readonly number[]]> {
  const { names, byteLevel } = tokenizer.written();
  const encoder = new TextEncoder();
  const written = (text: string): number[] => [...encoder.encode(text)];
  for (const [name, id] of names) {
    yield byteLevel
      ? [id, [...name].flatMap((sign) => BYTES.get(sign) ?? written(sign))]
      : [id, written(tokenizer.decode([id]))];
  }
}
