import { animationFrame } from "../capture/page-visibility";
import type { AnswerObserver, FrameTiming } from "../session/answer";
import type { Caption } from "../session/watch";
import { now } from "../shared/clock";
import type { TokenEvent } from "../shared/protocol";
import type { FastVlmAttributes } from "./attributes";
import { emit, type AnswerKind, type CaptionDetail } from "./events";
import { noCaption, type Status } from "./status";

export interface DisplayHost extends FastVlmAttributes {
  /** Called with each complete caption, and with null when it is cleared. */
  captioned(text: string | null): void;
}

/** Shows the answers of requests that follow one another, each while it arrives. */
export class AnswerDisplay implements AnswerObserver {
  readonly #host: DisplayHost;
  readonly #status: Status;
  readonly #kind: AnswerKind;
  /** The caption as this display last changed it. */
  #shown = noCaption;
  /** A part of the answer is shown. */
  #partial = false;
  /** When the first token of the answer was received; 0 before. */
  #firstToken = 0;
  /** When it was painted; undefined if the page was hidden. */
  #painted: Promise<number | undefined> | undefined;

  constructor(host: DisplayHost, status: Status, kind: AnswerKind) {
    this.#host = host;
    this.#status = status;
    this.#kind = kind;
  }

  readonly onFrame = ({ time, dropped }: FrameTiming): void => {
    this.#firstToken = 0;
    this.#painted = undefined;
    this.#partial = false;
    this.#show({ ...this.#status.caption, stale: true });
    this.#status.update({ error: undefined, activity: "seeing" });
    emit(this.#host, "frame", { kind: this.#kind, time, dropped });
  };

  readonly onToken = ({ id, text }: TokenEvent): void => {
    this.#firstToken ||= now();
    const { stale, text: previous } = this.#status.caption;
    const soFar = stale ? text : previous + text;
    this.#partial = true;
    this.#show({ text: soFar, stale: false, cutOff: false });
    this.#status.update({ activity: "speaking" });
    emit(this.#host, "token", { kind: this.#kind, id, text });
    if (text) this.#painted ??= this.#host.updateComplete.then(afterPaint);
  };

  /** Shows the complete answer, once its first token is painted. */
  async finish({ type, timings, ...caption }: Caption): Promise<CaptionDetail> {
    const time = await this.#painted;
    const { ttft = 0, wait = 0, ...rest } = timings;
    const paint = (time ?? this.#firstToken) - this.#firstToken;
    const seen = time !== undefined && { ttft: ttft + paint, wait, paint };
    const kind = this.#kind;
    const detail = { ...caption, kind, timings: { ...rest, ...seen } };
    const { text, finish } = caption;
    this.#partial = false;
    this.#show({ text, stale: false, cutOff: finish !== "stop" });
    this.#host.captioned(text);
    if (!this.#host.mutedText) this.#status.announce(text);
    emit(this.#host, "caption", detail);
    this.#status.update({ activity: undefined });
    return detail;
  }

  /** Nothing is being answered any more. */
  end(): void {
    const { caption } = this.#status;
    // Another display may have changed it since.
    if (caption === this.#shown) {
      const cutOff = caption.cutOff || this.#partial;
      this.#show({ ...caption, stale: false, cutOff });
    }
    this.#status.update({ activity: undefined });
  }

  #show(caption: typeof noCaption): void {
    this.#shown = this.#status.caption = caption;
  }
}

/** Resolves with the time at which the current state of the document is painted: a
 * message that is sent in an animation frame arrives after the frame is painted. */
async function afterPaint(): Promise<number | undefined> {
  const frame = await animationFrame();
  if (frame === undefined) return undefined;
  const { port1, port2 } = new MessageChannel();
  await new Promise((resolve) => {
    port1.onmessage = resolve;
    port2.postMessage(undefined);
  });
  port1.close();
  return now();
}
