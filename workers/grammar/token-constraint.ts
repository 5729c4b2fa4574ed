import type { TokenMask } from "../backends/backend";
import { DEAD } from "./automaton";
import { ConstraintError, unsupportedConstraint } from "./errors";
import { BARRIER } from "./shortest-completion";
import { hasBit, setBit, type TokenMasks } from "./token-masks";

/** The exact number of tokens of longer answers is not computed. */
const MAX_PLANNED_BYTES = 100_000;

/**
 * The tokens that may come next in one answer. At each step, a sequence of tokens
 * that ends the answer within the limit is known, so that every answer is complete.
 */
export class TokenConstraint implements TokenMask {
  readonly #masks: TokenMasks;
  readonly #bits: Uint32Array<ArrayBuffer>;
  /** Whether `#bits` is the mask of the next token. */
  #isCurrent = false;
  /** Tokens left, the end token included. */
  #remaining: number;
  #state: number;
  /** Tokens that complete the answer, without the end token. Computed when the end
   * is near. */
  #plan: readonly number[] | undefined;
  /** The answer so far, one character for each byte. */
  #bytes = "";
  /** The items of the last array with uniqueItems, as JSON in UTF-8. */
  #items: string[] = [];
  #itemStart = 0;
  /** Lengths of completions in tokens, by state. */
  readonly #tokensToEnd = new Map<number, number>();

  /** For an answer of at most `limit` tokens that continues `prefix`. */
  constructor(masks: TokenMasks, prefix: Uint8Array, limit: number) {
    this.#masks = masks;
    this.#remaining = limit;
    this.#bits = new Uint32Array(Math.ceil(masks.trie.idCount / 32));
    this.#state = masks.automaton.start;
    for (const byte of prefix) {
      this.#state = masks.automaton.next(this.#state, byte);
      if (this.#state !== DEAD) this.#read(String.fromCharCode(byte));
      if (this.#state === DEAD)
        throw unsupportedConstraint(
          `no text that satisfies it starts with the prefix ${JSON.stringify(new TextDecoder().decode(prefix))}.`,
        );
    }
    this.#plan = this.#planWithin(limit);
  }

  allowed(): Uint32Array<ArrayBuffer> {
    if (this.#isCurrent) return this.#bits;
    const { automaton, trie, end } = this.#masks;
    const longest = this.#masks.fill(this.#state, this.#bits);
    // Each byte is at most one token. The next token and the end token come on top.
    const isFar = trie.hasAllBytes && longest + 2 <= this.#remaining;
    if (!isFar) {
      const mask = this.#masks.of(this.#state);
      this.#bits.fill(0);
      for (let at = 0; at < mask.ids.length; at++) {
        const tokens = this.#lengthInTokens(mask.states[at] ?? DEAD);
        if (tokens + 2 <= this.#remaining)
          setBit(this.#bits, mask.ids[at] ?? 0);
      }
      if (automaton.accepts(this.#state)) setBit(this.#bits, end);
      this.#plan = this.#shorterPlan();
      const [next] = this.#plan;
      if (next !== undefined) setBit(this.#bits, next);
    }
    this.#isCurrent = true;
    return this.#bits;
  }

  take(id: number): void {
    if (!hasBit(this.#bits, id)) {
      throw new Error(
        `Token ${id} was sampled although the token mask excludes it`,
      );
    }
    this.#remaining -= 1;
    this.#isCurrent = false;
    if (id === this.#masks.end) return;
    this.#plan = this.#plan?.[0] === id ? this.#plan.slice(1) : undefined;
    this.#state = this.#masks.after(this.#state, id);
    this.#read(this.#masks.trie.bytesOf(id) ?? "");
  }

  /** Remembers the items of arrays with uniqueItems. */
  #read(bytes: string): void {
    this.#bytes += bytes;
    const { automaton } = this.#masks;
    let items: readonly string[] | undefined;
    const state = automaton.beginItem(
      this.#state,
      () => (items ??= this.#itemsSoFar()),
    );
    if (state === this.#state) return;
    this.#state = state;
    this.#itemStart = this.#bytes.length;
  }

  /** The items of the open array. Here, the last byte is `[` or the comma after an
   * item, apart from whitespace. */
  #itemsSoFar(): readonly string[] {
    const before = this.#bytes.trimEnd();
    if (before.endsWith("[")) this.#items = [];
    else this.#items.push(before.slice(this.#itemStart, -1).trim());
    return this.#items.map(fromBytes);
  }

  /** The tokens of a short answer. Throws if it needs more than `limit` tokens. */
  #planWithin(limit: number): readonly number[] {
    const { automaton, trie } = this.#masks;
    const bytes = automaton.lengthToEnd(this.#state);
    if (bytes > MAX_PLANNED_BYTES && bytes > limit * trie.longest) {
      throw tooLong(`at least ${Math.ceil(bytes / trie.longest) + 1}`, limit);
    }
    const plan = this.#encode(this.#state);
    if (plan === undefined)
      throw unsupportedConstraint(
        "the model's vocabulary lacks characters that it needs.",
      );
    const needed = plan.length + 1;
    if (needed > limit) throw tooLong(String(needed), limit);
    return plan;
  }

  #encode(state: number): number[] | undefined {
    const { automaton, trie } = this.#masks;
    const ids: number[] = [];
    let bytes = automaton.shortestCompletion(state);
    while (bytes.length > 0) {
      const barrier = bytes.indexOf(BARRIER);
      const end = barrier < 0 ? bytes.length : barrier;
      const part = trie.encode(bytes.slice(0, end));
      if (part === undefined) return undefined;
      ids.push(...part);
      bytes = bytes.slice(end + 1);
    }
    return ids;
  }

  #lengthInTokens(state: number): number {
    const known = this.#tokensToEnd.get(state);
    if (known !== undefined) return known;
    const { automaton, trie } = this.#masks;
    // Each byte is at most one token.
    const bytes = automaton.lengthToEnd(state);
    if (trie.hasAllBytes && bytes + 2 <= this.#remaining) return bytes;
    const length = this.#encode(state)?.length ?? Infinity;
    this.#tokensToEnd.set(state, length);
    return length;
  }

  /** The plan so far, or a new one if that is shorter. */
  #shorterPlan(): readonly number[] {
    const created = this.#encode(this.#state);
    const plan = this.#plan;
    if (plan === undefined || (created && created.length < plan.length))
      return created ?? [];
    return plan;
  }
}

function fromBytes(bytes: string): string {
  const codes = Uint8Array.from(bytes, (byte) => byte.charCodeAt(0));
  return new TextDecoder().decode(codes);
}

function tooLong(needed: string, limit: number): ConstraintError {
  return new ConstraintError(
    `its shortest answer needs ${needed} tokens, and ${limit} are available.`,
    { advice: "Increase maxTokens, or shorten the prompt or the constraint." },
  );
}
