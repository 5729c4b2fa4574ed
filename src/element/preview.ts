import { Capture, type CaptureListener } from "../capture/capture";
import { ElementSource } from "../capture/element-source";
import {
  nextFrame,
  type CapturedFrame,
  type FrameSource,
} from "../capture/frame-source";
import { toBitmap } from "../capture/bitmap";
import { aborted } from "../shared/abort";
import { badOption, VlmError } from "../shared/errors";
import type { OpenSource } from "./source";

/** Longest side of the displayed copy in pixels; requests use the original. */
const displayedSide = 1920;

/** An open source. */
interface View {
  open(): Promise<void>;
  /** With a `question`, a source that does not change by itself waits until the
   * question or the image is another. */
  ready(signal: AbortSignal, question?: () => string): Promise<boolean>;
  /** `asked` is the question that the frame is taken for. */
  take(
    signal: AbortSignal,
    asked?: string,
  ): CapturedFrame | undefined | Promise<CapturedFrame | undefined>;
  /** Discards the frames captured so far. */
  skip(): void;
  /** Shows an image that does not change by itself. */
  readonly isStill?: boolean;
  close(): void;
}

/** What the model looks at: a live source in the video, or a still image in the
 * canvas. */
export class Preview {
  /** A source is open, or waited for. */
  open = false;
  /** The open source does not change by itself. */
  isStill = false;
  /** Why a source that is waited for could not be opened. */
  waitsFor: VlmError | undefined;
  readonly #host: Element;
  readonly #listener: CaptureListener;
  /** From start to stop. */
  #session = new AbortController();
  #view: View | undefined;
  /** The element that questions are about while no source is open. */
  #unopened: { readonly id: string; readonly view: View } | undefined;
  #still: ImageBitmap | undefined;
  #video: HTMLVideoElement | undefined;
  #canvas: HTMLCanvasElement | undefined;

  constructor(host: Element, listener: CaptureListener) {
    this.#host = host;
    this.#listener = listener;
  }

  // Created on demand: a server that renders the element has no document.

  get video(): HTMLVideoElement {
    return (this.#video ??= createVideo());
  }

  get canvas(): HTMLCanvasElement {
    if (!this.#canvas) {
      this.#canvas = document.createElement("canvas");
      this.#canvas.part.add("still");
    }
    return this.#canvas;
  }

  /** The frozen frame or the image that is shown instead of a live source. */
  get still(): ImageBitmap | undefined {
    return this.#still;
  }

  async start(source: OpenSource): Promise<void> {
    this.stop();
    this.open = true;
    const { signal } = (this.#session = new AbortController());
    const view = this.#viewOf(source);
    this.#view = view;
    signal.addEventListener("abort", () => view.close());
    try {
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

  /** Shows the newest frame as a still image. */
  async freeze(signal: AbortSignal): Promise<void> {
    if (!this.#view) throw aborted();
    const captured = await nextFrame(this.#view, signal);
    if (!captured) throw aborted();
    const { frame } = captured;
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
    this.#still?.close();
    this.#still = undefined;
  }

  /** Shows `bitmap`, which it takes ownership of. */
  show(bitmap: ImageBitmap): void {
    this.thaw();
    this.#still = bitmap;
    const { width, height } = bitmap;
    const scale = Math.min(1, displayedSide / Math.max(width, height));
    this.canvas.width = Math.max(1, Math.round(width * scale));
    this.canvas.height = Math.max(1, Math.round(height * scale));
    const context = this.canvas.getContext("2d");
    context?.drawImage(bitmap, 0, 0, this.canvas.width, this.canvas.height);
  }

  /** Discards the frames captured so far. */
  skip(): void {
    this.#view?.skip();
  }

  /** The open source, else the element with this id. */
  source(id: string, question?: () => string): FrameSource {
    let view: View | undefined;
    let asked: string | undefined;
    return {
      ready: async (signal) => {
        if (signal.aborted) throw aborted();
        view = this.#view;
        if (view) {
          const ask = question && ((): string => (asked = question()));
          return view.ready(signal, ask);
        }
        view = this.#elementView(id);
        return view.ready(signal);
      },
      take: (signal) => view?.take(signal, asked),
    };
  }

  #elementView(id: string): View {
    if (id) return this.#unopenedView(id);
    throw badOption(
      "There is no image to ask about.",
      "Pass one as the option source, or start a source first.",
    );
  }

  /** Kept, since it knows an image that was asked about before. */
  #unopenedView(id: string): View {
    if (this.#unopened?.id !== id) {
      this.#unopened = { id, view: this.#viewOf({ kind: "element", id }) };
    }
    return this.#unopened.view;
  }

  #viewOf(source: OpenSource): View {
    if (source.kind === "element") {
      return new ElementSource(this.#host, source.id, this.#listener);
    }
    const capture = new Capture(this.video, this.#listener);
    return {
      open: () => capture.open(source),
      ready: (signal) => capture.ready(signal),
      take: () => capture.take(),
      skip: () => capture.skip(),
      close: () => capture.close(),
    };
  }
}

function createVideo(): HTMLVideoElement {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.loop = true;
  video.part.add("video");
  return video;
}
