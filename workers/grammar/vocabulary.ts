import type { Tokenizer } from "../model-files/tokenizer";
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
  /** By id, each byte a sign; none of those that no text is written with. */
  readonly #bytes = new Map<number, string>();
  /** By bytes. */
  readonly #ids = new Map<string, number>();
  readonly #all: Sorted;
  /** Whole characters only, no `"`, `\` or control character, and how many. */
  readonly #plain = new Map<number, number>();
  readonly #plainBits: Uint32Array;
  readonly #longestPlain: number;
  readonly #others: Sorted;

  constructor(tokenizer: Tokenizer, end: number) {
    this.size = tokenizer.lastId + 1;
    this.end = end;
    this.#plainBits = new Uint32Array(Math.ceil(this.size / 32));
    let longest = 0;
    for (const [id, bytes] of bytesOf(tokenizer)) {
      if (id === end || bytes === "") continue;
      this.#bytes.set(id, bytes);
      if (bytes.length <= LONGEST) this.#ids.set(bytes, id);
      const length = plainLength(bytes);
      if (length === undefined) continue;
      this.#plain.set(id, length);
      set(this.#plainBits, id);
      longest = Math.max(longest, length);
    }
    this.#longestPlain = longest;
    const ids = [...this.#bytes.keys()];
    this.#all = this.#sort(ids);
    this.#others = this.#sort(ids.filter((id) => !this.#plain.has(id)));
  }

  /** Undefined where the token leads nowhere. */
  after<State>(machine: Machine<State>, state: State, id: number) {
    let now: State | undefined = state;
    const bytes = this.#bytes.get(id) ?? "";
    for (let at = 0; at < bytes.length && now !== undefined; at++) {
      now = machine.step(now, bytes.charCodeAt(at));
    }
    return now;
  }

  /** Tokens of these bytes, each as long as can be. */
  encode(bytes: readonly number[]): number[] {
    const text = String.fromCharCode(...bytes);
    const ids: number[] = [];
    for (let at = 0; at < text.length;) {
      let length = Math.min(LONGEST, text.length - at);
      while (length > 1 && !this.#ids.has(text.slice(at, at + length))) {
        length -= 1;
      }
      ids.push(this.#ids.get(text.slice(at, at + length)) ?? this.end);
      at += length;
    }
    return ids;
  }

  /** Sets the bits of the tokens that may come, the end among them. */
  fill<State>(machine: Machine<State>, state: State, bits: Uint32Array): void {
    bits.fill(0);
    const most = machine.freely(state);
    if (most >= this.#longestPlain) {
      bits.set(this.#plainBits);
    } else if (most > 0) {
      for (const [id, length] of this.#plain) {
        if (length <= most) set(bits, id);
      }
    }
    if (machine.accepting(state)) set(bits, this.end);
    const { ids, common } = most > 0 ? this.#others : this.#all;
    const states: State[] = [state];
    // So many bytes of the tokens that follow lead nowhere.
    let dead = Infinity;
    for (const [i, id] of ids.entries()) {
      const known = common[i] ?? 0;
      if (known >= dead) continue;
      dead = Infinity;
      const bytes = this.#bytes.get(id) ?? "";
      for (let at = known; at < bytes.length; at++) {
        const next = machine.step(states[at] ?? state, bytes.charCodeAt(at));
        if (next === undefined) {
          dead = at + 1;
          break;
        }
        states[at + 1] = next;
      }
      if (dead === Infinity) set(bits, id);
    }
  }

  #sort(ids: readonly number[]): Sorted {
    const bytes = (id: number): string => this.#bytes.get(id) ?? "";
    const pairs = ids.map((id) => [bytes(id), id] as const);
    pairs.sort(([a], [b]) => (a < b ? -1 : 1));
    const common = pairs.map(([own], i) =>
      shared(pairs[i - 1]?.[0] ?? "", own),
    );
    return { ids: pairs.map(([, id]) => id), common };
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

function shared(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  return at;
}

function plainLength(bytes: string): number | undefined {
  let [state, length] = [0, 0];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes.charCodeAt(at);
    if (byte < 0x20 || byte === 0x22 || byte === 0x5c) return undefined;
    if (state === 0) length += 1;
    state = afterByte(state, byte);
    if (state === DEAD) return undefined;
  }
  return state === 0 ? length : undefined;
}

/** The signs that stand for bytes in a vocabulary of bytes. */
const BYTES = byteAlphabet();

function byteAlphabet(): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  let others = 0;
  for (let byte = 0; byte < 256; byte++) {
    const seen = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    const sign = String.fromCodePoint(seen ? byte : 256 + others++);
    map.set(sign, String.fromCharCode(byte));
  }
  return map;
}

function* bytesOf(
  tokenizer: Tokenizer,
): Generator<readonly [id: number, bytes: string]> {
  const { names, byteLevel } = tokenizer.written();
  const encoder = new TextEncoder();
  const written = (text: string): string =>
    String.fromCharCode(...encoder.encode(text));
  for (const [name, id] of names) {
    if (!byteLevel) {
      yield [id, written(tokenizer.decode([id]))];
      continue;
    }
    let bytes = "";
    for (const sign of name) bytes += BYTES.get(sign) ?? written(sign);
    yield [id, bytes];
  }
}
