import { rejectWhenAborted } from "../shared/abort";
import type { Frame, Message } from "../shared/protocol";
import type { AnswerDone } from "./answer-stream";
import type { SourceImage } from "./source-image";

/** The messages of the next request, and its images. */
export interface PreparedTurn {
  readonly messages: readonly Message[];
  readonly imageIds: readonly string[];
  /** Copies the images. */
  readonly copyFrames: () => Promise<readonly Frame[]>;
}

/** Images, and the questions and answers about them. */
export class Conversation {
  readonly #images: Promise<readonly SourceImage[]>;
  readonly #history: Message[] = [];
  /** Settles when all requests so far have ended. */
  #settled: Promise<unknown> = Promise.resolve();

  constructor(images: Promise<readonly SourceImage[]>) {
    this.#images = images;
    // Each request reports the failure.
    images.catch(() => undefined);
  }

  /** Calls `ask` once the earlier requests have ended. */
  next(
    prompt: string,
    signal: AbortSignal,
    ask: (turn: PreparedTurn) => Promise<AnswerDone>,
  ): Promise<AnswerDone> {
    const before = this.#settled;
    const done = (async () => {
      await rejectWhenAborted(before, signal);
      const turn = await this.#prepare(prompt, signal);
      const answer = await ask(turn);
      const { text, finish, tokenIds } = answer;
      if (finish !== "abort" || tokenIds.length > 0) {
        const reply = { role: "assistant", text, imageCount: 0 } as const;
        this.#history.push(...turn.messages.slice(-1), reply);
      }
      return answer;
    })();
    this.#settled = Promise.allSettled([before, done]);
    return done;
  }

  /** Closes the images once all requests have ended. */
  async end(): Promise<void> {
    await this.#settled;
    const images = await this.#images.catch(() => []);
    for (const { bitmap } of images) bitmap.close();
  }

  async #prepare(prompt: string, signal: AbortSignal): Promise<PreparedTurn> {
    const images = await rejectWhenAborted(this.#images, signal);
    const imageCount = this.#history.length === 0 ? images.length : 0;
    const turn = { role: "user", text: prompt, imageCount } as const;
    return {
      messages: [...this.#history, turn],
      imageIds: images.map(({ imageId }) => imageId),
      copyFrames: () =>
        Promise.all(images.map(({ bitmap }) => createImageBitmap(bitmap))),
    };
  }
}
