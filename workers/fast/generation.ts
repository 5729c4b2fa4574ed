import type { Generation } from "../language";

/** An answer whose ids come in batches; what is too much is kept for later. */
export class FastGeneration implements Generation {
  #ready: readonly number[];
  readonly #more: (limit: number) => Promise<readonly number[]>;

  constructor(
    first: readonly number[],
    more: (limit: number) => Promise<readonly number[]>,
  ) {
    this.#ready = first;
    this.#more = more;
  }

  async next(limit: number): Promise<readonly number[]> {
    if (this.#ready.length === 0) return this.#more(limit);
    const ids = this.#ready.slice(0, limit);
    this.#ready = this.#ready.slice(limit);
    return ids;
  }

  dispose(): void {
    this.#ready = [];
  }
}
