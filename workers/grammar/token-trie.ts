import type { Tokenizer } from "../model-files/tokenizer";

/** Longest token that counts as short, in bytes. */
export const SHORT = 16;

/** The tokens of a vocabulary, as a tree over their bytes. */
export class TokenTrie {
  /** Number of token ids. */
  readonly idCount: number;
  /** Length of the longest token, in bytes. */
  readonly longest: number;
  /** The nodes in depth-first order: byte, depth, index after the subtree. */
  readonly bytes: Uint8Array;
  readonly depths: Uint16Array;
  readonly ends: Int32Array;
  /** The tokens that end at node `i`: from `firstTokens[i]` to `firstTokens[i + 1]`. */
  readonly firstTokens: Int32Array;
  readonly tokens: Int32Array;
  /** The few tokens of more than `SHORT` bytes. */
  readonly longTokens: readonly number[];
  /** Whether each byte is a token. */
  readonly hasAllBytes: boolean;
  /** Nodes of depth 0 by byte. */
  readonly #firstNodes = new Int32Array(256);
  /** Bytes by id, one character each; special tokens are left out. */
  readonly #byId = new Map<number, string>();

  constructor(tokenizer: Tokenizer) {
    this.idCount = tokenizer.lastId + 1;
    const ids = new Map<string, number[]>();
    for (const [id, bytes] of tokenBytes(tokenizer)) {
      if (bytes === "") continue;
      this.#byId.set(id, bytes);
      const others = ids.get(bytes);
      if (others) others.push(id);
      else ids.set(bytes, [id]);
    }
    const sorted = [...ids.keys()].sort();
    let size = 0;
    let longest = 0;
    let before = "";
    for (const bytes of sorted) {
      size += bytes.length - commonLength(before, bytes);
      longest = Math.max(longest, bytes.length);
      before = bytes;
    }
    this.longest = longest;
    this.longTokens = sorted
      .filter((bytes) => bytes.length > SHORT)
      .flatMap((bytes) => ids.get(bytes) ?? []);
    const single = sorted.filter((bytes) => bytes.length === 1);
    this.hasAllBytes = single.length === 256;
    this.bytes = new Uint8Array(size);
    this.depths = new Uint16Array(size);
    this.ends = new Int32Array(size);
    this.firstTokens = new Int32Array(size + 1);
    this.tokens = Int32Array.from(
      sorted.flatMap((bytes) => ids.get(bytes) ?? []),
    );
    this.#firstNodes.fill(size);
    this.#build(sorted, ids);
  }

  /** The bytes of a token, one character each; undefined for special tokens. */
  bytesOf(id: number): string | undefined {
    return this.#byId.get(id);
  }

  /** The smallest number of tokens that spell these bytes; undefined if none do. */
  encode(bytes: readonly number[]): number[] | undefined {
    const counts = new Float64Array(bytes.length + 1).fill(Infinity);
    const lastTokens = new Int32Array(bytes.length + 1);
    counts[0] = 0;
    for (let at = 0; at < bytes.length; at++) {
      const count = (counts[at] ?? Infinity) + 1;
      if (count === Infinity) continue;
      let node = this.#firstNodes[bytes[at] ?? 0] ?? this.bytes.length;
      let end = this.bytes.length;
      for (let to = at; to < bytes.length && node < end;) {
        if (this.bytes[node] !== bytes[to]) {
          node = this.ends[node] ?? end;
          continue;
        }
        to += 1;
        const first = this.firstTokens[node] ?? 0;
        if (
          first !== this.firstTokens[node + 1] &&
          count < (counts[to] ?? Infinity)
        ) {
          counts[to] = count;
          lastTokens[to] = this.tokens[first] ?? 0;
        }
        end = this.ends[node] ?? end;
        node += 1;
      }
    }
    if (counts[bytes.length] === Infinity) return undefined;
    const ids: number[] = [];
    for (let at = bytes.length; at > 0;) {
      const id = lastTokens[at] ?? 0;
      ids.push(id);
      at -= this.#byId.get(id)?.length ?? at;
    }
    return ids.reverse();
  }

  #build(
    sorted: readonly string[],
    ids: ReadonlyMap<string, readonly number[]>,
  ): void {
    // Indices of the nodes from the root to the token before.
    const path: number[] = [];
    let next = 0;
    let firstToken = 0;
    let before = "";
    for (const bytes of sorted) {
      const common = commonLength(before, bytes);
      for (const node of path.splice(common)) this.ends[node] = next;
      for (let depth = common; depth < bytes.length; depth++) {
        this.bytes[next] = bytes.charCodeAt(depth);
        this.depths[next] = depth;
        if (depth === 0) this.#firstNodes[bytes.charCodeAt(0)] = next;
        this.firstTokens[next] = firstToken;
        path.push(next);
        next += 1;
      }
      firstToken += ids.get(bytes)?.length ?? 0;
      this.firstTokens[next] = firstToken;
      before = bytes;
    }
    for (const node of path) this.ends[node] = next;
  }
}

function commonLength(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  return at;
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
