import type {
  Answer,
  ImageEvent,
  Timings,
  TokenEvent,
} from "../shared/protocol";

/** Durations in ms. `wait` and the parts up to `firstDecode` add up to `ttft`. */
export interface AnswerTimings extends Timings {
  /** Call, or capture of the frame → first token received; absent without one. */
  readonly ttft?: number;
  /** Call, or capture of the frame → frames received by the worker. */
  readonly wait?: number;
}

/** The whole answer; the last event. */
export interface AnswerDone extends Omit<Answer, "timings"> {
  readonly type: "done";
  readonly timings: AnswerTimings;
}

/** Events of a request, in this order. They can be cloned with structuredClone. */
export type AnswerEvent = ImageEvent | TokenEvent | AnswerDone;

type Emit = (event: AnswerEvent) => void;

/**
 * An answer while it arrives. Several loops can read its events, each from the
 * first one, and `done()` waits for the whole. Leaving a loop early ends the
 * request.
 */
export class AnswerStream implements AsyncIterable<AnswerEvent> {
  readonly #events: AnswerEvent[] = [];
  readonly #leave = new AbortController();
  readonly #done: Promise<AnswerDone>;
  #ended = false;
  #waiting: (() => void)[] = [];

  constructor(run: (emit: Emit, left: AbortSignal) => Promise<AnswerDone>) {
    this.#done = run((event) => this.#add(event), this.#leave.signal);
    this.#done
      .then((done) => this.#add(done))
      // Reported through `done()` and the iterator.
      .catch(() => undefined)
      .finally(() => {
        this.#ended = true;
        this.#wake();
      });
  }

  /** The last event. Rejects with a `VlmError`. */
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
        const value = this.#events[at];
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

  #add(event: AnswerEvent): void {
    this.#events.push(event);
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
