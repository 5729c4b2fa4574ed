import type { Tokenizer } from "../model-files/tokenizer";
import type { ByteAutomaton } from "./automaton";
import { nextUtf8State, INVALID_UTF8 } from "./utf8";

/** An entry of a list sorted by bytes, so that common prefixes are read once. */
interface SortedToken {
  readonly id: number;
  readonly bytes: string;
  /** Length of the prefix that is shared with the token before. */
  readonly common: number;
}

/** Longest token that `encode` finds, in bytes. */
const MAX_ENCODED_BYTES = 16;

/** Finds the tokens that an automaton accepts. */
export class TokenIndex {
  /** Number of token ids. */
  readonly size: number;
  readonly end: number;
  /** Token bytes by id, as strings of one character per byte; special tokens are
   * left out. */
  readonly #bytes = new Map<number, string>();
  /** Ids by token bytes. */
  readonly #ids = new Map<string, number>();
  readonly #all: readonly SortedToken[];
  /** Number of characters of the tokens that consist of complete characters without
   * `"`, `\` and control characters. */
  readonly #plainLengths = new Map<number, number>();
  readonly #plainBits: Uint32Array;
  readonly #longestPlain: number;
  readonly #others: readonly SortedToken[];

  constructor(tokenizer: Tokenizer, end: number) {
    this.size = tokenizer.lastId + 1;
    this.end = end;
    this.#plainBits = new Uint32Array(Math.ceil(this.size / 32));
    let longest = 0;
    for (const [id, bytes] of tokenBytes(tokenizer)) {
      if (id === end || bytes === "") continue;
      this.#bytes.set(id, bytes);
      if (bytes.length <= MAX_ENCODED_BYTES) this.#ids.set(bytes, id);
      const length = plainLength(bytes);
      if (length === undefined) continue;
      this.#plainLengths.set(id, length);
      setBit(this.#plainBits, id);
      longest = Math.max(longest, length);
    }
    this.#longestPlain = longest;
    const tokens = [...this.#bytes];
    this.#all = sorted(tokens);
    this.#others = sorted(tokens.filter(([id]) => !this.#plainLengths.has(id)));
  }

  /** The state after a token; undefined if the automaton rejects it. The end token
   * has no bytes. */
  advance<State>(automaton: ByteAutomaton<State>, state: State, id: number) {
    const bytes = id === this.end ? "" : this.#bytes.get(id);
    if (bytes === undefined) return undefined;
    let current: State | undefined = state;
    for (let at = 0; at < bytes.length && current !== undefined; at++) {
      current = automaton.next(current, bytes.charCodeAt(at));
    }
    return current;
  }

  /** Splits bytes into tokens greedily, longest first; undefined if the vocabulary
   * lacks one of the bytes. */
  encode(bytes: readonly number[]): number[] | undefined {
    const text = String.fromCharCode(...bytes);
    const ids: number[] = [];
    for (let at = 0; at < text.length;) {
      let length = Math.min(MAX_ENCODED_BYTES, text.length - at);
      while (length > 1 && !this.#ids.has(text.slice(at, at + length))) {
        length -= 1;
      }
      const id = this.#ids.get(text.slice(at, at + length));
      if (id === undefined) return undefined;
      ids.push(id);
      at += length;
    }
    return ids;
  }

  /** Sets the bits of all accepted tokens, the end token included. */
  fillMask<State>(
    automaton: ByteAutomaton<State>,
    state: State,
    bits: Uint32Array,
  ): void {
    bits.fill(0);
    const freeLength = automaton.freeTextLength(state);
    if (freeLength >= this.#longestPlain) {
      bits.set(this.#plainBits);
    } else if (freeLength > 0) {
      for (const [id, length] of this.#plainLengths) {
        if (length <= freeLength) setBit(bits, id);
      }
    }
    if (automaton.accepting(state)) setBit(bits, this.end);
    // Length of the prefix that the automaton rejected last.
    let rejectedAt = Infinity;
    const states: State[] = [state];
    const tokens = freeLength > 0 ? this.#others : this.#all;
    for (const { id, bytes, common } of tokens) {
      if (common >= rejectedAt) continue;
      rejectedAt = Infinity;
      let current = states[common];
      for (let at = common; current !== undefined && at < bytes.length; at++) {
        current = automaton.next(current, bytes.charCodeAt(at));
        if (current === undefined) rejectedAt = at + 1;
        else states[at + 1] = current;
      }
      if (current !== undefined) setBit(bits, id);
    }
  }
}

function sorted(
  tokens: readonly (readonly [id: number, bytes: string])[],
): SortedToken[] {
  let before = "";
  return tokens
    .toSorted(([, a], [, b]) => (a < b ? -1 : 1))
    .map(([id, bytes]) => {
      const common = commonPrefix(before, bytes);
      before = bytes;
      return { id, bytes, common };
    });
}

export function setBit(bits: Uint32Array, id: number): void {
  const word = Math.floor(id / 32);
  bits[word] = (bits[word] ?? 0) | (1 << (id % 32));
}

/** The ids whose bits are set; undefined if there are more than `max`. */
export function setBits(bits: Uint32Array, max: number): number[] | undefined {
  const ids: number[] = [];
  for (const [at, word] of bits.entries()) {
    for (let left = word; left !== 0; left &= left - 1) {
      if (ids.length === max) return undefined;
      ids.push(32 * at + 31 - Math.clz32(left & -left));
    }
  }
  return ids;
}

export function hasBit(bits: Uint32Array, id: number): boolean {
  return (((bits[Math.floor(id / 32)] ?? 0) >>> (id % 32)) & 1) === 1;
}

function commonPrefix(a: string, b: string): number {
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
    state = nextUtf8State(state, byte);
    if (state === INVALID_UTF8) return undefined;
  }
  return state === 0 ? length : undefined;
}

/** The characters that stand for bytes in a byte-level BPE vocabulary. */
const BYTES = byteAlphabet();

function byteAlphabet(): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  let others = 0;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    const char = String.fromCodePoint(printable ? byte : 256 + others++);
    map.set(char, String.fromCharCode(byte));
  }
  return map;
}

function* tokenBytes(
  tokenizer: Tokenizer,
): Generator<readonly [id: number, bytes: string]> {
  const { names, byteLevel } = tokenizer.textTokens();
  const encoder = new TextEncoder();
  const utf8 = (text: string): string =>
    String.fromCharCode(...encoder.encode(text));
  for (const [name, id] of names) {
    if (!byteLevel) {
      yield [id, utf8(tokenizer.decode([id]))];
      continue;
    }
    let bytes = "";
    for (const char of name) bytes += BYTES.get(char) ?? utf8(char);
    yield [id, bytes];
  }
}
