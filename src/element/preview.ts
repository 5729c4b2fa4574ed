import type { CaptureListener } from "../capture/capture";
import type { IdentifiedFrame } from "../capture/frame-slot";
import { newImageId } from "../capture/image-id";
import { aborted } from "../shared/abort";
import { now } from "../shared/clock";
import { VlmError } from "../shared/errors";
import { looking } from "./lazy";
import type { View } from "./looking";
import { badOption } from "../session/load-options";
import type { OpenSource } from "./source";

/** Longest side of the shown copy; the pixels asked about keep their size. */
const shownSide = 1920;

/** What is looked at: a live source in the video, or a still in the canvas. */
export class Preview {
  /** A live source is open, or waited for. */
  open = false;
  /** What is open does not change by itself. */
  isStill = false;
  /** Why a source that is waited for could not be opened. */
  waitsFor: VlmError | undefined;
  readonly #host: Element;
  readonly #listener: CaptureListener;
  /** From start to stop. */
  #session = new AbortController();
  #view: Promise<View> | undefined;
  #glanced: { readonly id: string; readonly view: Promise<View> } | undefined;
  #video: HTMLVideoElement | undefined;
  #canvas: HTMLCanvasElement | undefined;
  #still: { readonly bitmap: ImageBitmap; readonly name: string } | undefined;

  constructor(host: Element, listener: CaptureListener) {
    this.#host = host;
    this.#listener = listener;
  }

  get video(): HTMLVideoElement {
    return (this.#video ??= makeVideo());
  }

  get canvas(): HTMLCanvasElement {
    if (!this.#canvas) {
      this.#canvas = document.createElement("canvas");
      this.#canvas.part.add("still");
    }
    return this.#canvas;
  }

  get frozen(): boolean {
    return this.#still !== undefined;
  }

  async start(source: OpenSource): Promise<void> {
    this.stop();
    this.open = true;
    const session = new AbortController();
    this.#session = session;
    const { signal } = session;
    this.#view = this.#viewOf(source);
    try {
      const view = await this.#view;
      if (signal.aborted) throw aborted();
      signal.addEventListener("abort", () => view.close());
      await view.open();
      this.isStill = view.isStill ?? false;
    } catch (thrown) {
      if (signal.aborted) throw aborted();
      const error = VlmError.from(thrown);
      const waits = source.kind === "camera" || source.kind === "element";
      if (waits) this.waitsFor = error;
      else this.open = false;
      throw error;
    }
  }

  stop(): void {
    this.open = this.isStill = false;
    this.waitsFor = undefined;
    this.#session.abort();
    this.#view = undefined;
    this.thaw();
  }

  async freeze(signal: AbortSignal): Promise<void> {
    const { toBitmap } = await looking();
    const { frame } = await this.#next(signal);
    let still: ImageBitmap;
    try {
      still = await toBitmap(frame);
    } finally {
      frame.close();
    }
    if (signal.aborted) {
      still.close();
      throw aborted();
    }
    this.show(still);
  }

  thaw(): void {
    this.#still?.bitmap.close();
    this.#still = undefined;
  }

  /** Takes the bitmap over. */
  show(bitmap: ImageBitmap): void {
    this.thaw();
    this.#still = { bitmap, name: newImageId() };
    const { width, height } = bitmap;
    const scale = Math.min(1, shownSide / Math.max(width, height));
    this.canvas.width = Math.max(1, Math.round(width * scale));
    this.canvas.height = Math.max(1, Math.round(height * scale));
    const context = this.canvas.getContext("2d");
    context?.drawImage(bitmap, 0, 0, this.canvas.width, this.canvas.height);
  }

  /** What was captured before now is neither read nor counted. */
  skip(): void {
    this.#view?.then((view) => view.skip()).catch(() => undefined);
  }

  /**
   * The still, as of now, or the newest frame of the source; if none is open,
   * what the element with this id shows.
   */
  async frame(
    signal: AbortSignal,
    id: string,
    question?: () => string,
  ): Promise<IdentifiedFrame> {
    if (this.#still) {
      // Another may be shown meanwhile.
      const { bitmap, name } = this.#still;
      const frame = await createImageBitmap(bitmap);
      return { frame, name, time: now(), dropped: 0 };
    }
    if (this.open) return this.#next(signal, question);
    if (id) return (await this.#glance(id)).next(signal);
    throw badOption(
      "There is no picture to ask about.",
      "Hand one over, or start a source.",
    );
  }

  async #next(
    signal: AbortSignal,
    question?: () => string,
  ): Promise<IdentifiedFrame> {
    const view = await this.#view;
    if (!view || signal.aborted) throw aborted();
    return view.next(signal, question);
  }

  /** Not open; it knows again what it has seen. */
  #glance(id: string): Promise<View> {
    if (this.#glanced?.id !== id) {
      const view = this.#viewOf({ kind: "element", id });
      view.catch(() => (this.#glanced = undefined));
      this.#glanced = { id, view };
    }
    return this.#glanced.view;
  }

  async #viewOf(source: OpenSource): Promise<View> {
    const { viewOf } = await looking();
    return viewOf(source, this.#host, this.video, this.#listener);
  }
}

function makeVideo(): HTMLVideoElement {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.loop = true;
  video.part.add("video");
  return video;
}
