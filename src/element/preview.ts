import { Capture, createVideo, type CaptureListener } from "../capture/capture";
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

/** A source that the preview shows. */
interface PreviewSource {
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
  #source: PreviewSource | undefined;
  /** The element that questions are about while no source is open. */
  #unopened:
    { readonly id: string; readonly source: PreviewSource } | undefined;
  #still: ImageBitmap | undefined;
  /** Of a `freeze` that waits for its frame. */
  #freezing: AbortSignal | undefined;
  #video: HTMLVideoElement | undefined;
  #canvas: HTMLCanvasElement | undefined;

  constructor(host: Element, listener: CaptureListener) {
    this.#host = host;
    this.#listener = listener;
  }

  // Created on demand: a server that renders the element has no document.

  get video(): HTMLVideoElement {
    if (!this.#video) {
      this.#video = createVideo();
      this.#video.loop = true;
      this.#video.part.add("video");
    }
    return this.#video;
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

  /** A source is open and neither frozen nor about to be. */
  get live(): boolean {
    return this.open && !this.#still && !this.#freezing;
  }

  get freezing(): boolean {
    return this.#freezing !== undefined;
  }

  /** Opens a source until `signal` aborts. */
  async start(choice: OpenSource, signal: AbortSignal): Promise<void> {
    this.open = true;
    const source = this.#create(choice);
    this.#source = source;
    signal.addEventListener("abort", () => source.close());
    try {
      await source.open();
      this.isStill = source.isStill ?? false;
    } catch (thrown) {
      if (signal.aborted) throw aborted();
      const error = VlmError.from(thrown);
      const waits = choice.kind === "camera" || choice.kind === "element";
      if (waits) this.waitsFor = error;
      else this.open = false;
      throw error;
    }
  }

  stop(): void {
    this.open = this.isStill = false;
    this.waitsFor = undefined;
    this.#source = undefined;
    this.thaw();
  }

  /** Shows the newest frame as a still image. */
  async freeze(signal: AbortSignal): Promise<void> {
    if (!this.#source) throw aborted();
    this.#freezing = signal;
    try {
      const captured = await nextFrame(this.#source, signal);
      if (!captured) throw aborted();
      const still = await toBitmap(captured.frame).finally(() =>
        captured.frame.close(),
      );
      if (signal.aborted) {
        still.close();
        throw aborted();
      }
      this.show(still);
    } finally {
      if (this.#freezing === signal) this.#freezing = undefined;
    }
  }

  /** Ends `freeze`, too. */
  thaw(): void {
    this.#still?.close();
    this.#still = this.#freezing = undefined;
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
    this.#source?.skip();
  }

  /** Frames of the open source, else of the element with this id. */
  frames(id: string, question?: () => string): FrameSource {
    let source: PreviewSource | undefined;
    let asked: string | undefined;
    return {
      ready: async (signal) => {
        if (signal.aborted) throw aborted();
        source = this.#source;
        if (source) {
          const ask = question && ((): string => (asked = question()));
          return source.ready(signal, ask);
        }
        source = this.#elementSource(id);
        return source.ready(signal);
      },
      take: (signal) => source?.take(signal, asked),
    };
  }

  /** Kept, since it knows an image that was asked about before. */
  #elementSource(id: string): PreviewSource {
    if (!id) {
      throw badOption(
        "There is no image to ask about.",
        "Pass one as the option source, or start a source first.",
      );
    }
    if (this.#unopened?.id !== id) {
      this.#unopened = { id, source: this.#create({ kind: "element", id }) };
    }
    return this.#unopened.source;
  }

  #create(choice: OpenSource): PreviewSource {
    if (choice.kind === "element") {
      return new ElementSource(this.#host, choice.id, this.#listener);
    }
    const capture = new Capture(this.video, this.#listener);
    return {
      open: () => capture.open(choice),
      ready: (signal) => capture.ready(signal),
      take: () => capture.take(),
      skip: () => capture.skip(),
      close: () => capture.close(),
    };
  }
}
