import type { TokenMask } from "../backends/backend";
import type { ByteAutomaton } from "./automaton";
import { unsupportedConstraint } from "./errors";
import { hasBit, setBits, setBit, type TokenIndex } from "./token-index";

/** From this many remaining tokens on, the end of the answer is planned. */
const NEAR_END = 512;
/** Margin for tokens that make the shortest completion longer. */
const SPARE_TOKENS = 64;
/** The same margin inside free text, which needs less: the text can end after any
 * token. */
const SPARE_TOKENS_IN_TEXT = 4;
/** Masks in the cache. */
const MAX_CACHED_MASKS = 64;
/** A mask with more tokens than this is free text and is not checked one by one. */
const MAX_CHECKED_TOKENS = 32;

/** The tokens that may come next in one answer. */
export class TokenConstraint<State> implements TokenMask {
  readonly #tokens: TokenIndex;
  readonly #automaton: ByteAutomaton<State>;
  readonly #bits: Uint32Array<ArrayBuffer>;
  /** Masks by the automaton's key; inside of a string they repeat. */
  readonly #cache = new Map<string, Uint32Array>();
  /** Whether `#bits` is the mask of the next token. */
  #isCurrent = false;
  #remaining: number;
  #state: State;

  /** For an answer of at most `room` tokens that continues `prefix`. */
  constructor(
    tokens: TokenIndex,
    automaton: ByteAutomaton<State>,
    prefix: string,
    room: number,
  ) {
    this.#tokens = tokens;
    this.#automaton = automaton;
    this.#remaining = room;
    this.#bits = new Uint32Array(Math.ceil(tokens.size / 32));
    this.#state = automaton.initial;
    // Throws early if no text satisfies the constraint.
    this.allowed();
    for (const byte of new TextEncoder().encode(prefix)) {
      const state = this.#state;
      const next =
        automaton.next(state, byte) ??
        (automaton.ignores(state, byte) ? state : undefined);
      if (next === undefined)
        throw unsupportedConstraint(
          `no text that satisfies it starts with the prefix ${JSON.stringify(prefix)}.`,
        );
      this.#state = next;
    }
    this.#isCurrent = false;
  }

  allowed(): Uint32Array<ArrayBuffer> {
    if (this.#isCurrent) return this.#bits;
    this.#fill();
    if (this.#remaining <= NEAR_END) this.#reserveEnd();
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
    const next = this.#tokens.advance(this.#automaton, this.#state, id);
    if (next === undefined) {
      throw new Error(`Token ${id} is in the token mask but is rejected`);
    }
    this.#state = next;
  }

  #fill(): void {
    const key = this.#automaton.key(this.#state);
    const cached = this.#cache.get(key);
    if (cached !== undefined) {
      this.#bits.set(cached);
      return;
    }
    this.#tokens.fillMask(this.#automaton, this.#state, this.#bits);
    if (this.#bits.every((word) => word === 0)) {
      throw unsupportedConstraint("no text satisfies it.");
    }
    if (this.#cache.size >= MAX_CACHED_MASKS) this.#cache.clear();
    this.#cache.set(key, this.#bits.slice());
  }

  /** Close to the token limit, allows only tokens that leave room for the end. */
  #reserveEnd(): void {
    const completion = this.#completion(this.#state);
    if (
      completion === undefined ||
      this.#remaining > completion.length + SPARE_TOKENS
    )
      return;
    const ids = setBits(this.#bits, MAX_CHECKED_TOKENS);
    const [first] = completion;
    if (ids === undefined) {
      const urgent =
        this.#remaining <= completion.length + SPARE_TOKENS_IN_TEXT;
      if (urgent && first !== undefined) this.#allowOnly([first]);
      return;
    }
    const finishing = ids.filter((id) => {
      if (id === this.#tokens.end) return true;
      const next = this.#tokens.advance(this.#automaton, this.#state, id);
      const rest = next && this.#completion(next);
      return rest !== undefined && rest.length < this.#remaining;
    });
    if (finishing.length > 0) this.#allowOnly(finishing);
  }

  /** A short sequence of tokens that ends the answer, with the end token last. */
  #completion(state: State): readonly number[] | undefined {
    const bytes = this.#automaton.shortestCompletion(state);
    const ids = bytes && this.#tokens.encode(bytes);
    return ids && [...ids, this.#tokens.end];
  }

  #allowOnly(ids: readonly number[]): void {
    this.#bits.fill(0);
    for (const id of ids) setBit(this.#bits, id);
  }
}
