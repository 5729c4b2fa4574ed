import type { Constraint } from "../language";
import type { Machine } from "./machine";
import { refused } from "./refused";
import { isSet, type Vocabulary } from "./vocabulary";

/** With so many tokens left it is time to think of the end. */
const NEAR = 512;
/** Tokens that are kept for what the next one may open. */
const SPARE = 32;

/** What may come next in one answer. */
export class TokenConstraint<Spot> implements Constraint {
  readonly #vocabulary: Vocabulary;
  readonly #machine: Machine<Spot>;
  readonly #bits: Uint32Array<ArrayBuffer>;
  /** Whether `#bits` are those of the next token. */
  #fresh = false;
  #left: number;
  #spot: Spot;

  /** For an answer of `room` tokens at most, after `prefix`. */
  constructor(
    vocabulary: Vocabulary,
    machine: Machine<Spot>,
    prefix: string,
    room: number,
  ) {
    this.#vocabulary = vocabulary;
    this.#machine = machine;
    this.#left = room;
    this.#bits = new Uint32Array(Math.ceil(vocabulary.size / 32));
    this.#spot = machine.initial;
    // Tells at once if there is nothing that meets it.
    this.allowed();
    for (const byte of new TextEncoder().encode(prefix)) {
      const next = machine.step(this.#spot, byte);
      if (next === undefined) throw refused("the prefix does not begin it.");
      this.#spot = next;
    }
    this.#fresh = false;
  }

  allowed(): Uint32Array<ArrayBuffer> {
    if (this.#fresh) return this.#bits;
    const way = this.#hurry();
    if (way !== undefined) this.#vocabulary.follow(way, this.#bits);
    else this.#vocabulary.fill(this.#machine, this.#spot, this.#bits);
    if (this.#bits.every((word) => word === 0)) {
      throw refused("nothing can meet it.");
    }
    this.#fresh = true;
    return this.#bits;
  }

  take(id: number): void {
    if (!isSet(this.#bits, id)) {
      throw new Error(`Token ${id} was picked, which the constraint forbids.`);
    }
    this.#left -= 1;
    this.#fresh = false;
    const next = this.#vocabulary.after(this.#machine, this.#spot, id);
    if (next !== undefined) this.#spot = next;
  }

  /** How to end, if it is time to. */
  #hurry(): readonly number[] | undefined {
    if (this.#left > NEAR) return undefined;
    const way = this.#machine.wayOut(this.#spot);
    if (way === undefined) return undefined;
    // A byte may take a token, and the end takes one; the next token may make
    // the way longer.
    const need = way.length + 1;
    return this.#left <= need + Math.min(SPARE, need) ? way : undefined;
  }
}
