import type {
  Answer,
  ImageEvent,
  Timings,
  TokenEvent,
} from "../shared/protocol";

/** Durations in ms. `wait` to `firstDecode` add up to `ttft`. */
export interface AnswerTimings extends Timings {
  /** Asked, or frame captured → first token here; absent if there is none. */
  readonly ttft?: number;
  /** Asked, or frame captured → pictures received by the worker. */
  readonly wait?: number;
}

/** The whole answer; always the last step. */
export interface AnswerDone extends Omit<Answer, "timings"> {
  readonly type: "done";
  readonly timings: AnswerTimings;
}

/** What becomes of a question, in this order. Plain: made for structuredClone. */
export type AnswerEvent = ImageEvent | TokenEvent | AnswerDone;

type Emit = (step: AnswerEvent) => void;

/**
 * An answer on its way. It may be read step by step, by several readers, from
 * its beginning, or waited for; a reader that leaves early ends it.
 */
export class AnswerStream implements AsyncIterable<AnswerEvent> {
  readonly #steps: AnswerEvent[] = [];
  readonly #leave = new AbortController();
  readonly #done: Promise<AnswerDone>;
  #ended = false;
  #waiting: (() => void)[] = [];

  constructor(run: (emit: Emit, left: AbortSignal) => Promise<AnswerDone>) {
    this.#done = run((step) => this.#add(step), this.#leave.signal);
    this.#done
      .then((done) => this.#add(done))
      // Told to whoever reads or waits.
      .catch(() => undefined)
      .finally(() => {
        this.#ended = true;
        this.#wake();
      });
  }

  /** The last step; rejects with a `VlmError`. */
  done(): Promise<AnswerDone> {
    return this.#done;
  }

  [Symbol.asyncIterator](): AsyncIterator<AnswerEvent, undefined> {
    let at = 0;
    let left = false;
    const over = { done: true, value: undefined } as const;
    const next = async (): Promise<IteratorResult<AnswerEvent, undefined>> => {
      for (;;) {
        if (left) return over;
        const value = this.#steps[at];
        if (value) {
          at += 1;
          return { done: false, value };
        }
        if (this.#ended) break;
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
      left = true;
      await this.#done;
      return over;
    };
    const leave = (): Promise<typeof over> => {
      left = true;
      this.#leave.abort();
      this.#wake();
      return Promise.resolve(over);
    };
    return { next, return: leave };
  }

  #add(step: AnswerEvent): void {
    this.#steps.push(step);
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
