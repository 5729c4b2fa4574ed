import { rejectWhenAborted } from "../shared/abort";
import type { Frame, Message } from "../shared/protocol";
import type { AnswerDone } from "./answer-stream";
import type { SourceImage } from "./source-image";

/** A question and its answer. */
export interface Turn {
  readonly question: string;
  readonly answer: string;
}

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
  readonly #turns: Turn[] = [];
  /** Settles when all requests so far have ended. */
  #settled: Promise<unknown> = Promise.resolve();

  constructor(images: Promise<readonly SourceImage[]>) {
    this.#images = images;
    // Each request reports the failure.
    images.catch(() => undefined);
  }

  /** Calls `ask` once the earlier requests have ended; with `history`, the messages
   * contain their questions and answers. */
  next(
    question: string,
    history: boolean,
    signal: AbortSignal,
    ask: (turn: PreparedTurn) => Promise<AnswerDone>,
  ): Promise<AnswerDone> {
    const before = this.#settled;
    const done = (async () => {
      await rejectWhenAborted(before, signal);
      const images = await rejectWhenAborted(this.#images, signal);
      const turns = history ? this.#turns : [];
      const answer = await ask({
        messages: toMessages(turns, question, images.length),
        imageIds: images.map(({ imageId }) => imageId),
        copyFrames: () =>
          Promise.all(images.map(({ bitmap }) => createImageBitmap(bitmap))),
      });
      const { text, finish, tokenIds } = answer;
      if (finish !== "abort" || tokenIds.length > 0) {
        this.#turns.push({ question, answer: text });
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
}

/** A question after earlier turns about the same images, which belong to the first
 * message. */
export function toMessages(
  turns: readonly Turn[],
  question: string,
  imageCount: number,
): Message[] {
  const texts = turns.flatMap(
    (turn) =>
      [
        { role: "user", text: turn.question },
        { role: "assistant", text: turn.answer },
      ] as const,
  );
  return [...texts, { role: "user", text: question } as const].map(
    (message, at) => ({ ...message, imageCount: at === 0 ? imageCount : 0 }),
  );
}
