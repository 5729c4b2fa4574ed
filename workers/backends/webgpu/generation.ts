import type { Generation, StageDurations } from "../backend";
import type { Begun } from "./decoder";

/** An answer whose ids come in batches; what is too much is kept for later. */
export class WebGpuGeneration implements Generation {
  readonly laps?: StageDurations;
  #ready: readonly number[];
  readonly #more: (limit: number) => Promise<readonly number[]>;

  constructor(
    { ids, laps }: Begun,
    more: (limit: number) => Promise<readonly number[]>,
  ) {
    this.#ready = ids;
    if (laps !== undefined) this.laps = laps;
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
