import type { TokenEvent } from "../run";
import type { Answer } from "../shared/protocol";
import type { Taken } from "./caption";
import { emit } from "./events";
import type { Loader } from "./loader";
import type { Attributes } from "./options";
import type { Question } from "./question";
import { looking } from "./stage";
import type { Status, StatusHost } from "./status";

export interface AskingHost extends StatusHost, Attributes {
  readonly updateComplete: Promise<boolean>;
  /** A caption is complete. */
  captioned(text: string): void;
}

/** One question after another, and what is heard of its answer. */
export class Asking {
  /** The newest caption, as far as it has come. */
  text = "";
  /** The caption belongs to an earlier frame than the one looked at. */
  stale = false;
  readonly #host: AskingHost;
  readonly #status: Status;
  readonly #models: Loader;

  constructor(host: AskingHost, status: Status, models: Loader) {
    this.#host = host;
    this.#status = status;
    this.#models = models;
  }

  /** `take` gives the pictures once the model is there. */
  async caption(
    take: () => Promise<Taken>,
    question: Question,
  ): Promise<Answer> {
    const { signal, live = false } = question;
    const { captionFrame, describeOptions } = await looking();
    const { side } = await this.#models.ready(signal, live);
    const run = describeOptions(this.#host, question, side);
    const captured = await take();
    const { time, dropped } = captured;
    try {
      const { answer, detail } = await captionFrame(
        this.#models.lease,
        captured,
        run,
        {
          signal,
          onStart: () => {
            this.stale = true;
            this.#status.know({ error: undefined, activity: "seeing" });
            emit(this.#host, "frame", { time, dropped });
          },
          onToken: (event) => this.#hear(event, question),
        },
      );
      this.#settle(answer);
      emit(this.#host, "caption", detail);
      if (!this.#host.mutedText) this.#status.announce(answer.text);
      return answer;
    } finally {
      this.#status.know({ activity: undefined });
    }
  }

  clear(): void {
    this.text = "";
    this.#host.requestUpdate();
  }

  #hear({ id, text }: TokenEvent, question: Question): Promise<unknown> {
    this.text = this.stale ? text : this.text + text;
    this.stale = false;
    this.#status.know({ activity: "speaking" });
    emit(this.#host, "token", { id, text });
    question.onToken?.(text);
    return this.#host.updateComplete;
  }

  #settle({ text, tokenIds, finish }: Answer): void {
    this.stale = false;
    // Stopped before it said anything: the caption before stays.
    if (finish !== "abort" || tokenIds.length > 0) this.text = text;
    if (finish !== "abort") this.#host.captioned(text);
  }
}
