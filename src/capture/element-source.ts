import type { CaptureListener } from "./capture";
import {
  captureElement,
  isCanvas,
  isImage,
  isSettled,
  isVisualElement,
  isVideo,
  type VisualElement,
} from "./element-frame";
import {
  newImageId,
  type CapturedFrame,
  type FrameSource,
} from "./frame-source";
import { SkippedFrames } from "./skipped-frames";
import { aborted, pause } from "../shared/abort";
import { now } from "../shared/clock";
import { badOption, type VlmError } from "../shared/errors";

/** Interval in ms at which the element is looked up and checked for changes. */
const checkEvery = 200;

/**
 * The video, img or canvas element with an id. The element may be replaced, and
 * may be missing for a while.
 */
export class ElementSource implements FrameSource {
  readonly #host: Element;
  readonly #id: string;
  readonly #listener: CaptureListener;
  readonly #session = new AbortController();
  #lost = false;
  /** Key of the image returned last, and the prompt it was returned for. */
  #seen = "";
  /** The current image of an img element: each load is another image. */
  #image: { readonly key: string; readonly id: string } | undefined;
  #loads = 0;
  readonly #skipped = new SkippedFrames();

  /** Looks the id up in the document or shadow tree of `host`. */
  constructor(host: Element, id: string, listener: CaptureListener) {
    this.#host = host;
    this.#id = id;
    this.#listener = listener;
  }

  /** Whether the element shows a still image. */
  get isStill(): boolean {
    return isImage(this.#find());
  }

  /** Equal for the same image; undefined unless the element shows a still one. */
  get imageId(): string | undefined {
    const element = this.#find();
    if (!isImage(element)) return undefined;
    return this.#imageId(this.#keyOf(element));
  }

  /** Rejects while there is no such element, and then waits for it until `close`. */
  async open(): Promise<void> {
    const { signal } = this.#session;
    // Capture: the event does not bubble.
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

  /** Allows the last image to be returned again. */
  skip(): void {
    this.#seen = "";
  }

  /** Changes of a canvas cannot be detected, so it is always ready. Without a
   * question, rejects while there is no element. */
  async ready(signal: AbortSignal, question?: () => string): Promise<true> {
    const either = AbortSignal.any([signal, this.#session.signal]);
    for (;;) {
      if (either.aborted) throw aborted();
      const element = this.#find();
      if (!element && question === undefined) throw this.#missing();
      if (element && isSettled(element)) {
        const key = this.#keyOf(element);
        const known = `${key} ${question?.() ?? ""}` === this.#seen;
        if (!known || !key || !question) return true;
      }
      await pause(checkEvery, either);
    }
  }

  async take(
    signal: AbortSignal,
    side: number,
    question?: () => string,
  ): Promise<CapturedFrame | undefined> {
    const element = this.#find();
    if (!element || !isSettled(element)) return undefined;
    // Taking an image shows that the element is available again.
    if (this.#lost) this.#check();
    try {
      const either = AbortSignal.any([signal, this.#session.signal]);
      const frame = await captureElement(element, side, either);
      return { frame, ...this.#stamp(element, this.#keyOf(element), side) };
    } finally {
      // The key is read again, because the load event, which changes it, may come
      // after the image is `complete`. Set after failures too, so that an unreadable
      // image is not tried again.
      this.#seen = `${this.#keyOf(element)} ${question?.() ?? ""}`;
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

  /** Equal for the same image; empty if that is unknown. */
  #keyOf(element: VisualElement): string {
    if (isVideo(element)) {
      return `${element.currentSrc} ${element.currentTime}`;
    }
    return isImage(element) ? `${element.currentSrc} ${this.#loads}` : "";
  }

  #stamp(
    element: VisualElement,
    key: string,
    side: number,
  ): Omit<CapturedFrame, "frame"> {
    const time = now();
    if (isVideo(element)) return { time, dropped: this.#skipped.take(element) };
    if (isCanvas(element)) return { time, dropped: 0 };
    return { time, dropped: 0, imageId: `${this.#imageId(key)} ${side}` };
  }

  #imageId(key: string): string {
    if (this.#image?.key !== key) this.#image = { key, id: newImageId() };
    return this.#image.id;
  }

  #missing(): VlmError {
    return badOption(
      `There is no video, img or canvas element with the id “${this.#id}”.`,
      "Add one to the same document or shadow tree; it is used as soon as it exists.",
    );
  }
}
