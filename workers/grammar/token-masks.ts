import { DEAD, type Automaton } from "./automaton";
import { SHORT, type TokenTrie } from "./token-trie";

/** The tokens that may follow in a state. */
interface StateMask {
  /** One bit for each token id, set if the token may follow. */
  readonly bits: Uint32Array<ArrayBuffer>;
  /** The same tokens, without the end token, and the state after each. */
  readonly ids: Int32Array;
  readonly states: Int32Array;
  /** Length of the longest of the shortest completions after them, in bytes. */
  readonly longest: number;
}

/** Tokens in all cached masks. */
const MAX_CACHED_TOKENS = 3_000_000;

/** Computes and caches the masks of an automaton's states. */
export class TokenMasks {
  readonly automaton: Automaton;
  readonly trie: TokenTrie;
  readonly end: number;
  readonly #cache = new Map<number, StateMask>();
  /** Masks of clamped states, which contain only short tokens. */
  readonly #shortCache = new Map<number, StateMask>();
  #cachedTokens = 0;

  constructor(automaton: Automaton, trie: TokenTrie, end: number) {
    this.automaton = automaton;
    this.trie = trie;
    this.end = end;
  }

  /** Sets the bits of the tokens that may follow. Returns at least the length of the
   * longest of the shortest completions after them, in bytes. */
  fill(state: number, bits: Uint32Array<ArrayBuffer>): number {
    const clamped = this.automaton.clamp(state);
    if (clamped.state === state) {
      const mask = this.of(state);
      bits.set(mask.bits);
      return mask.longest;
    }
    const mask = this.#cached(this.#shortCache, clamped.state, SHORT);
    bits.set(mask.bits);
    let longest = mask.longest + clamped.surplus;
    for (const id of this.trie.longTokens) {
      const after = this.after(state, id);
      if (after === DEAD) continue;
      setBit(bits, id);
      longest = Math.max(longest, this.automaton.lengthToEnd(after));
    }
    return longest;
  }

  of(state: number): StateMask {
    return this.#cached(this.#cache, state, this.trie.longest);
  }

  #cached(
    cache: Map<number, StateMask>,
    state: number,
    longestToken: number,
  ): StateMask {
    const cached = cache.get(state);
    if (cached !== undefined) return cached;
    const mask = this.#compute(state, longestToken);
    this.#cachedTokens += mask.ids.length;
    if (this.#cachedTokens > MAX_CACHED_TOKENS) {
      this.#cache.clear();
      this.#shortCache.clear();
      this.#cachedTokens = mask.ids.length;
    }
    cache.set(state, mask);
    return mask;
  }

  /** The state after a token; `DEAD` if the automaton rejects it. */
  after(state: number, id: number): number {
    const bytes = this.trie.bytesOf(id);
    if (bytes === undefined) return DEAD;
    let current = state;
    for (let at = 0; at < bytes.length && current !== DEAD; at++) {
      current = this.automaton.next(current, bytes.charCodeAt(at));
    }
    return current;
  }

  /** Visits the nodes of the trie whose bytes the automaton accepts. */
  #compute(state: number, longestToken: number): StateMask {
    const { automaton, trie, end } = this;
    const { bytes, depths, ends, firstTokens, tokens, idCount } = trie;
    const ids = new Int32Array(idCount);
    const states = new Int32Array(idCount);
    let count = 0;
    const path = new Int32Array(trie.longest + 1);
    path[0] = state;
    for (let node = 0; node < bytes.length;) {
      const depth = depths[node] ?? 0;
      const next =
        depth < longestToken
          ? automaton.next(path[depth] ?? DEAD, bytes[node] ?? 0)
          : DEAD;
      if (next === DEAD) {
        node = ends[node] ?? bytes.length;
        continue;
      }
      path[depth + 1] = next;
      const last = firstTokens[node + 1] ?? 0;
      for (let at = firstTokens[node] ?? 0; at < last; at++) {
        ids[count] = tokens[at] ?? 0;
        states[count] = next;
        count += 1;
      }
      node += 1;
    }
    const bits = new Uint32Array(Math.ceil(idCount / 32));
    const reached = new Set<number>();
    for (let at = 0; at < count; at++) {
      setBit(bits, ids[at] ?? 0);
      reached.add(states[at] ?? DEAD);
    }
    if (automaton.accepts(state)) setBit(bits, end);
    let longest = 0;
    for (const after of reached) {
      longest = Math.max(longest, automaton.lengthToEnd(after));
    }
    return {
      bits,
      ids: ids.slice(0, count),
      states: states.slice(0, count),
      longest,
    };
  }
}

export function setBit(bits: Uint32Array, id: number): void {
  const word = id >>> 5;
  bits[word] = (bits[word] ?? 0) | (1 << (id & 31));
}

export function hasBit(bits: Uint32Array, id: number): boolean {
  return (((bits[id >>> 5] ?? 0) >>> (id & 31)) & 1) === 1;
}
