import type { CaptureListener } from "./capture";
import type { IdentifiedFrame } from "./frame-slot";
import {
  captureElement,
  isCanvas,
  isImage,
  isVisualElement,
  isVideo,
  type VisualElement,
} from "./element-frame";
import { newImageId } from "./image-id";
import { pause } from "../shared/abort";
import { aborted } from "../shared/abort";
import { now } from "../shared/clock";
import { VlmError } from "../shared/errors";

/** How often the page is asked for the element, and whether it has changed. */
const checkEvery = 200;

/**
 * The video, image or canvas of the page that has an id, whichever has it: it
 * may be replaced, and missing for a while.
 */
export class ElementSource {
  readonly #host: Element;
  readonly #id: string;
  readonly #listener: CaptureListener;
  readonly #session = new AbortController();
  #lost = false;
  /** The picture that was last given, and with which question. */
  #seen = "";
  /** Of the present image: another load is another picture. */
  #image: { readonly key: string; readonly name: string } | undefined;
  #loads = 0;
  #videoFrames = 0;

  /** It is looked for in the document or shadow tree that `host` is in. */
  constructor(host: Element, id: string, listener: CaptureListener) {
    this.#host = host;
    this.#id = id;
    this.#listener = listener;
  }

  /** It does not change by itself. */
  get isStill(): boolean {
    return isImage(this.#find());
  }

  /** Rejects while there is none; it is then waited for until `close`. */
  async open(): Promise<void> {
    const { signal } = this.#session;
    // It does not bubble.
    this.#host.getRootNode().addEventListener(
      "load",
      ({ target }) => {
        if (target === this.#find()) this.#loads += 1;
      },
      { capture: true, signal },
    );
    const timer = setInterval(() => this.#check(), checkEvery);
    signal.addEventListener("abort", () => clearInterval(timer));
    await Promise.resolve();
    if (this.#find()) return;
    this.#lost = true;
    throw this.#missing();
  }

  /** What was given is given again. */
  skip(): void {
    this.#seen = "";
  }

  /**
   * What it shows now. With a `question` that was the last one, too, waits
   * until that is another or it shows something else, as far as can be told: of
   * a canvas it cannot.
   */
  async next(
    signal: AbortSignal,
    question?: () => string,
  ): Promise<IdentifiedFrame> {
    const either = AbortSignal.any([signal, this.#session.signal]);
    for (;;) {
      if (either.aborted) throw aborted();
      const element = this.#find();
      if (!element && question === undefined) throw this.#missing();
      // Whoever gets its picture knows that it is back.
      if (element && this.#lost) this.#check();
      if (element && isSettled(element)) {
        const key = this.#keyOf(element);
        const asked = question?.() ?? "";
        const known = `${key} ${asked}` === this.#seen;
        if (!known || !key || !question) {
          try {
            const frame = await captureElement(element, either);
            return { frame, ...this.#stamp(element, this.#keyOf(element)) };
          } finally {
            // Its event may come after it is complete. What cannot be read is
            // not tried again, either.
            this.#seen = `${this.#keyOf(element)} ${asked}`;
          }
        }
      }
      await pause(checkEvery, either);
    }
  }

  close(): void {
    this.#session.abort();
  }

  #find(): VisualElement | undefined {
    const root = this.#host.getRootNode() as Document | ShadowRoot;
    const found = root.querySelector(`#${CSS.escape(this.#id)}`);
    return isVisualElement(found) ? found : undefined;
  }

  #check(): void {
    const lost = !this.#find();
    if (lost === this.#lost) return;
    this.#lost = lost;
    if (lost) this.#listener.onInterrupted(this.#missing());
    else this.#listener.onLive();
  }

  /** Equal for the same picture; empty if that cannot be told. */
  #keyOf(element: VisualElement): string {
    if (isVideo(element)) {
      return `${element.currentSrc} ${element.currentTime}`;
    }
    return isImage(element) ? `${element.currentSrc} ${this.#loads}` : "";
  }

  #stamp(
    element: VisualElement,
    key: string,
  ): { time: number; dropped: number; name?: string } {
    const time = now();
    if (isVideo(element)) {
      const { totalVideoFrames: frames } = element.getVideoPlaybackQuality();
      const dropped = Math.max(0, frames - this.#videoFrames - 1);
      this.#videoFrames = frames;
      return { time, dropped };
    }
    if (isCanvas(element)) return { time, dropped: 0 };
    if (this.#image?.key !== key) this.#image = { key, name: newImageId() };
    return { time, dropped: 0, name: this.#image.name };
  }

  #missing(): VlmError {
    return new VlmError(
      "bad-option",
      `There is no video, img or canvas element with the id “${this.#id}”.`,
      "Add one to the same document or shadow tree; it is used as soon as it exists.",
    );
  }
}

/** It shows something, or has failed to. */
function isSettled(element: VisualElement): boolean {
  if (isImage(element)) return element.complete;
  if (isCanvas(element)) return true;
  const { error, readyState } = element;
  return error !== null || readyState >= HTMLMediaElement.HAVE_CURRENT_DATA;
}
