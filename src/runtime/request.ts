import type { Answer, Frame, WorkerEvent } from "../shared/protocol";

export type ImageEvent = Extract<WorkerEvent, { type: "image" }>;
export type TokenEvent = Extract<WorkerEvent, { type: "token" }>;

type Newer = readonly Frame[] | undefined;

export interface RequestListener {
  readonly signal?: AbortSignal | undefined;
  /** Its turn has come: frames to hand over instead, if newer ones are there. */
  readonly renew?: () => Newer | Promise<Newer>;
  /** Its turn has come and the model is there: the frames are handed over. */
  readonly onStart?: () => void;
  readonly onImage?: (event: ImageEvent) => void;
  readonly onToken?: (event: TokenEvent) => void;
}

/** How long the last tokens may trail the answer: two ports, no common order. */
const trailingTokens = 200;

/** One question on its way, and what was heard of its answer. */
export class PendingRequest {
  readonly id: number;
  readonly #listener: RequestListener;
  #tokens = 0;
  #text = "";
  #onCount: (() => void) | undefined;

  constructor(id: number, listener: RequestListener) {
    this.id = id;
    this.#listener = listener;
  }

  receive(event: ImageEvent | TokenEvent): void {
    if (event.type === "image") {
      this.#listener.onImage?.(event);
      return;
    }
    // What was on its way when the run was stopped comes too late.
    if (this.#listener.signal?.aborted) return;
    this.#tokens += 1;
    this.#text += event.text;
    this.#listener.onToken?.(event);
    this.#onCount?.();
  }

  /** The answer with all its tokens heard; a stopped one is what was heard. */
  async settle(answer: Answer): Promise<Answer> {
    const { length } = answer.tokenIds;
    if (this.#tokens >= length) return answer;
    if (this.#listener.signal?.aborted) {
      const tokenIds = answer.tokenIds.slice(0, this.#tokens);
      return { ...answer, text: this.#text, tokenIds, finish: "abort" };
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, trailingTokens);
      this.#onCount = () => {
        if (this.#tokens < length) return;
        clearTimeout(timer);
        resolve();
      };
    });
    return answer;
  }
}
