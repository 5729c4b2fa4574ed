import type { TokenMask } from "../backends/backend";
import type { Machine } from "./machine";
import { unsupportedConstraint } from "./errors";
import { isSet, members, set, type Vocabulary } from "./vocabulary";

/** With so many tokens left it is time to think of the end. */
const NEAR = 512;
/** So many that a token may need more than the one before it. */
const SPARE = 64;
/** In the midst of a text, of which any token may be the last. */
const SPARE_IN_TEXT = 4;
/** Sets of bits that are remembered. */
const KEPT = 64;
/** More tokens than this may come in a text only. */
const FEW = 32;

/** What may come next in one answer. */
export class TokenConstraint<State> implements TokenMask {
  readonly #vocabulary: Vocabulary;
  readonly #machine: Machine<State>;
  readonly #bits: Uint32Array<ArrayBuffer>;
  /** By the machine's key: in a text the same may come again and again. */
  readonly #known = new Map<string, Uint32Array>();
  /** Whether `#bits` are those of the next token. */
  #fresh = false;
  #left: number;
  #state: State;

  /** For an answer of `room` tokens at most, after `prefix`. */
  constructor(
    vocabulary: Vocabulary,
    machine: Machine<State>,
    prefix: string,
    room: number,
  ) {
    this.#vocabulary = vocabulary;
    this.#machine = machine;
    this.#left = room;
    this.#bits = new Uint32Array(Math.ceil(vocabulary.size / 32));
    this.#state = machine.initial;
    // Tells at once if there is nothing that meets it.
    this.allowed();
    for (const byte of new TextEncoder().encode(prefix)) {
      const state = this.#state;
      const next =
        machine.step(state, byte) ??
        (machine.ignores(state, byte) ? state : undefined);
      if (next === undefined)
        throw unsupportedConstraint("the prefix does not begin it.");
      this.#state = next;
    }
    this.#fresh = false;
  }

  allowed(): Uint32Array<ArrayBuffer> {
    if (this.#fresh) return this.#bits;
    this.#fill();
    if (this.#left <= NEAR) this.#keepRoom();
    this.#fresh = true;
    return this.#bits;
  }

  take(id: number): void {
    if (!isSet(this.#bits, id)) {
      throw new Error(`Token ${id} was picked, which the constraint forbids.`);
    }
    this.#left -= 1;
    this.#fresh = false;
    const next = this.#vocabulary.after(this.#machine, this.#state, id);
    if (next !== undefined) this.#state = next;
  }

  #fill(): void {
    const key = this.#machine.key(this.#state);
    const known = this.#known.get(key);
    if (known !== undefined) {
      this.#bits.set(known);
      return;
    }
    this.#vocabulary.fill(this.#machine, this.#state, this.#bits);
    if (this.#bits.every((word) => word === 0)) {
      throw unsupportedConstraint("nothing can meet it.");
    }
    if (this.#known.size >= KEPT) this.#known.clear();
    this.#known.set(key, this.#bits.slice());
  }

  /** Where the end is near, only tokens after which it can still be reached. */
  #keepRoom(): void {
    const way = this.#wayOut(this.#state);
    if (way === undefined || this.#left > way.length + SPARE) return;
    const ids = members(this.#bits, FEW);
    const [first] = way;
    if (ids === undefined) {
      const late = this.#left <= way.length + SPARE_IN_TEXT;
      if (late && first !== undefined) this.#allowOnly([first]);
      return;
    }
    const reaching = ids.filter((id) => {
      if (id === this.#vocabulary.end) return true;
      const next = this.#vocabulary.after(this.#machine, this.#state, id);
      const rest = next && this.#wayOut(next);
      return rest !== undefined && rest.length < this.#left;
    });
    if (reaching.length > 0) this.#allowOnly(reaching);
  }

  /** Tokens by which the answer may end soon, the end token among them. */
  #wayOut(state: State): readonly number[] | undefined {
    const bytes = this.#machine.wayOut(state);
    if (bytes === undefined) return undefined;
    return [...this.#vocabulary.encode(bytes), this.#vocabulary.end];
  }

  #allowOnly(ids: readonly number[]): void {
    this.#bits.fill(0);
    for (const id of ids) set(this.#bits, id);
  }
}
