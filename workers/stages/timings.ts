import type { Timings } from "../../src/shared/protocol";
import type { StageDurations } from "../backends/backend";

type Stage = "preprocess" | "encode" | "prefill" | "firstDecode";
type FirstTimings = Omit<Timings, "total" | "tokensPerSecond">;

/** Times the stages of one request in ms. A stage that was not reached took 0. */
export class StageTimer {
  readonly #now: () => number;
  readonly #start: number;
  readonly #stages = { preprocess: 0, encode: 0, prefill: 0, firstDecode: 0 };
  /** End of the last stage or token. */
  #last: number;
  #firstToken = 0;
  /** Tokens after the first batch. */
  #laterTokens = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#start = this.#last = now();
  }

  /** Ends a stage and starts the next at once, so that the stages add up. A
   * stage may occur more than once. */
  lap(stage: Stage): void {
    const time = this.#now();
    this.#stages[stage] += time - this.#last;
    this.#last = time;
  }

  /** Replaces the durations of the stages so far by the GPU's own. The
   * difference goes to the next stage. */
  measured(durations: StageDurations): void {
    const sum = (): number =>
      this.#stages.preprocess + this.#stages.encode + this.#stages.prefill;
    const before = sum();
    const none = { preprocess: 0, encode: 0, prefill: 0 };
    Object.assign(this.#stages, none, durations);
    this.#last -= before - sum();
  }

  /** Counts a batch of tokens. Returns the timings with the first batch only. */
  tokens(count: number): FirstTimings | undefined {
    if (this.#firstToken > 0) {
      this.#last = this.#now();
      this.#laterTokens += count;
      return undefined;
    }
    this.lap("firstDecode");
    this.#firstToken = this.#last - this.#start;
    return { ...this.#stages, firstToken: this.#firstToken };
  }

  /** Ends an aborted request: a first token that did not come has no time. */
  stop(): void {
    this.#last = this.#now();
  }

  timings(): Timings {
    const total = this.#last - this.#start;
    const decoding = total - this.#firstToken;
    return {
      ...this.#stages,
      firstToken: this.#firstToken,
      total,
      tokensPerSecond: decoding > 0 ? (this.#laterTokens * 1000) / decoding : 0,
    };
  }
}
