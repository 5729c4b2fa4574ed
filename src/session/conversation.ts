import { rejectWhenAborted } from "../shared/abort";
import type { Frame, Message } from "../shared/protocol";
import type { SourceImage } from "./source-image";
import type { AnswerDone } from "./answer-stream";

/** The next question, with all that goes before it. */
export interface PreparedTurn {
  readonly messages: readonly Message[];
  /** Copies. */
  readonly frames: readonly Frame[];
  readonly names: readonly string[];
}

/** Pictures, and what has been said about them. */
export class Conversation {
  readonly #pictures: Promise<readonly SourceImage[]>;
  readonly #said: Message[] = [];
  /** The questions so far have their answers, or none. */
  #settled: Promise<unknown> = Promise.resolve();

  constructor(pictures: Promise<readonly SourceImage[]>) {
    this.#pictures = pictures;
    // Told to whoever asks.
    pictures.catch(() => undefined);
  }

  /** Asks once the questions before have their answers. */
  next(
    prompt: string,
    signal: AbortSignal,
    ask: (turn: PreparedTurn) => Promise<AnswerDone>,
  ): Promise<AnswerDone> {
    const before = this.#settled;
    const done = (async () => {
      await rejectWhenAborted(before, signal);
      const turn = await this.#turn(prompt, signal);
      const answer = await ask(turn);
      const { text, finish, tokenIds } = answer;
      if (finish !== "abort" || tokenIds.length > 0) {
        const said = { role: "assistant", text, imageCount: 0 } as const;
        this.#said.push(...turn.messages.slice(-1), said);
      }
      return answer;
    })();
    this.#settled = Promise.allSettled([before, done]);
    return done;
  }

  /** Frees the pictures after the last answer. */
  async end(): Promise<void> {
    await this.#settled;
    const pictures = await this.#pictures.catch(() => []);
    for (const { bitmap } of pictures) bitmap.close();
  }

  async #turn(prompt: string, signal: AbortSignal): Promise<PreparedTurn> {
    const pictures = await rejectWhenAborted(this.#pictures, signal);
    const frames = await Promise.all(
      pictures.map(({ bitmap }) => createImageBitmap(bitmap)),
    );
    const images = this.#said.length === 0 ? pictures.length : 0;
    const messages = [
      ...this.#said,
      { role: "user", text: prompt, imageCount: images } as const,
    ];
    return { messages, frames, names: pictures.map(({ name }) => name) };
  }
}
