import type { Timings } from "../../src/shared/protocol";
import type { StageDurations } from "../backends/backend";

type Stage = "preprocess" | "encode" | "prefill" | "firstDecode";
type FirstToken = Omit<Timings, "total" | "tokensPerSecond">;

/** Times the stages of one run; a stage that was never reached took 0. */
export class StageTimer {
  readonly laps = { preprocess: 0, encode: 0, prefill: 0, firstDecode: 0 };
  readonly #now: () => number;
  readonly #start: number;
  #last: number;
  #firstToken = 0;
  /** Tokens that came after those of the first time. */
  #later = 0;

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

  /** What the stages so far really took; the rest goes to the next. */
  measured(laps: StageDurations): void {
    const sum = (): number =>
      this.laps.preprocess + this.laps.encode + this.laps.prefill;
    const before = sum();
    Object.assign(this.laps, { preprocess: 0, encode: 0, prefill: 0 }, laps);
    this.#last -= before - sum();
  }

  /** Call whenever tokens come: the run's figures the first time, else
   * undefined. */
  tokens(count: number): FirstToken | undefined {
    if (this.#firstToken > 0) {
      this.#last = this.#now();
      this.#later += count;
      return undefined;
    }
    this.lap("firstDecode");
    this.#firstToken = this.#last - this.#start;
    return { ...this.laps, firstToken: this.#firstToken };
  }

  /** The run was stopped: a first token that never came has no time. */
  stopped(): void {
    this.#last = this.#now();
  }

  timings(): Timings {
    const total = this.#last - this.#start;
    const decoding = total - this.#firstToken;
    return {
      ...this.laps,
      firstToken: this.#firstToken,
      total,
      tokensPerSecond: decoding > 0 ? (this.#later * 1000) / decoding : 0,
    };
  }
}
