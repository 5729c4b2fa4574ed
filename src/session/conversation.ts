import { leaveWhenAborted } from "../runtime/abortable";
import type { Frame, Message } from "../shared/protocol";
import type { Picture } from "./picture";
import type { Done } from "./steps";

/** The next question, with all that goes before it. */
export interface Turn {
  readonly messages: readonly Message[];
  /** Copies. */
  readonly frames: readonly Frame[];
  readonly names: readonly string[];
}

/** Pictures, and what has been said about them. */
export class Conversation {
  readonly #pictures: Promise<readonly Picture[]>;
  readonly #said: Message[] = [];
  /** The questions so far have their answers, or none. */
  #settled: Promise<unknown> = Promise.resolve();

  constructor(pictures: Promise<readonly Picture[]>) {
    this.#pictures = pictures;
    // Told to whoever asks.
    pictures.catch(() => undefined);
  }

  /** Asks once the questions before have their answers. */
  next(
    prompt: string,
    signal: AbortSignal,
    ask: (turn: Turn) => Promise<Done>,
  ): Promise<Done> {
    const before = this.#settled;
    const done = (async () => {
      await leaveWhenAborted(before, signal);
      const turn = await this.#turn(prompt, signal);
      const answer = await ask(turn);
      const { text, finish, tokenIds } = answer;
      if (finish !== "abort" || tokenIds.length > 0) {
        const said = { role: "assistant", text, images: 0 } as const;
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

  async #turn(prompt: string, signal: AbortSignal): Promise<Turn> {
    const pictures = await leaveWhenAborted(this.#pictures, signal);
    const frames = await Promise.all(
      pictures.map(({ bitmap }) => createImageBitmap(bitmap)),
    );
    const images = this.#said.length === 0 ? pictures.length : 0;
    const messages = [
      ...this.#said,
      { role: "user", text: prompt, images } as const,
    ];
    return { messages, frames, names: pictures.map(({ name }) => name) };
  }
}
