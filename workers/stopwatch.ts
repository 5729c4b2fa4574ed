import type { Timings } from "../src/shared/protocol";

type Stage = "preprocess" | "encode" | "prefill" | "firstDecode";
type FirstToken = Omit<Timings, "total" | "tokensPerSecond">;

/** Times the stages of one run; a stage that was never reached took 0. */
export class Stopwatch {
  readonly laps = { preprocess: 0, encode: 0, prefill: 0, firstDecode: 0 };
  readonly #now: () => number;
  readonly #start: number;
  #last: number;
  #firstToken = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#start = this.#last = now();
  }

  /** Ends a stage, which may come again; the next begins at once, so the
   * stages add up. */
  lap(stage: Stage): void {
    const time = this.#now();
    this.laps[stage] += time - this.#last;
    this.#last = time;
  }

  /** Call at each token: the run's figures at its first, else undefined. */
  token(): FirstToken | undefined {
    if (this.#firstToken > 0) {
      this.#last = this.#now();
      return undefined;
    }
    this.lap("firstDecode");
    this.#firstToken = this.#last - this.#start;
    return { ...this.laps, firstToken: this.#firstToken };
  }

  timings(tokens: number): Timings {
    const total = this.#last - this.#start;
    const decoding = total - this.#firstToken;
    return {
      ...this.laps,
      firstToken: this.#firstToken,
      total,
      tokensPerSecond:
        tokens > 1 && decoding > 0 ? ((tokens - 1) * 1000) / decoding : 0,
    };
  }
}
