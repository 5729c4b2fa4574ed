import { Capture, createVideo, type CaptureListener } from "../capture/capture";
import { ElementSource } from "../capture/element-source";
import { nextFrame, type FrameSource } from "../capture/frame-source";
import { toBitmap } from "../capture/bitmap";
import { aborted } from "../shared/abort";
import { badOption, VlmError } from "../shared/errors";
import type { FastVlmAttributes } from "./attributes";
import type { OpenSource } from "./source";

/** Longest side of the displayed copy in pixels; requests use the original. */
const displayedSide = 1920;

type Host = Element &
  Pick<FastVlmAttributes, "background" | "for" | "stream" | "requestUpdate">;

/** What the model looks at: a live source in the video, or a still image in the
 * canvas. */
export class Preview implements FrameSource {
  /** A source is open, or waited for. */
  open = false;
  /** The open source does not change by itself. */
  isStill = false;
  /** Why a source that is waited for could not be opened. */
  waitsFor: VlmError | undefined;
  /** Aspect ratio of the last image, such as `1280 / 720`. */
  aspect = "initial";
  readonly #host: Host;
  readonly #listener: CaptureListener;
  #source: Capture | ElementSource | undefined;
  /** The element that questions are about while no source is open. */
  #unopened:
    { readonly id: string; readonly source: ElementSource } | undefined;
  #still: ImageBitmap | undefined;
  /** Of a `freeze` that waits for its frame. */
  #freezing: AbortSignal | undefined;
  #video: HTMLVideoElement | undefined;
  #canvas: HTMLCanvasElement | undefined;

  constructor(host: Host, listener: CaptureListener) {
    this.#host = host;
    this.#listener = listener;
  }

  // Created on demand: a server that renders the element has no document.

  get video(): HTMLVideoElement {
    if (!this.#video) {
      this.#video = createVideo();
      this.#video.loop = true;
      this.#video.part.add("video");
      this.#video.addEventListener("resize", () => {
        const { videoWidth: width, videoHeight: height } = this.video;
        if (width > 0) this.#setAspect(width, height);
      });
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

  /** Of the still image that `take` returns next; undefined for any other. */
  get imageId(): string | undefined {
    const source = this.#source ?? this.#unopenedSource();
    return source instanceof ElementSource ? source.imageId : undefined;
  }

  /** Opens a source until `signal` aborts. */
  async start(choice: OpenSource, signal: AbortSignal): Promise<void> {
    this.open = true;
    try {
      if (choice.kind === "element") {
        const source = this.#elementSource(choice.id);
        this.#source = source;
        signal.addEventListener("abort", () => source.close());
        await source.open();
        this.isStill = source.isStill;
      } else {
        const capture = new Capture(this.video, this.#listener);
        this.#source = capture;
        signal.addEventListener("abort", () => capture.close());
        await capture.open(choice);
      }
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

  /** Shows the newest frame as a still image; a vector image smaller than `side` is
   * enlarged to it. */
  async freeze(signal: AbortSignal, side: number): Promise<void> {
    if (!this.#source) throw aborted();
    this.#freezing = signal;
    try {
      const captured = await nextFrame(this.#source, signal, side);
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
    this.#setAspect(width, height);
    const scale = Math.min(1, displayedSide / Math.max(width, height));
    this.canvas.width = Math.max(1, Math.round(width * scale));
    this.canvas.height = Math.max(1, Math.round(height * scale));
    this.paint();
  }

  /** Draws the still image on the background, as the model sees it. */
  paint(): void {
    if (!this.#still) return;
    const context = this.canvas.getContext("2d");
    if (!context) return;
    const { width, height } = this.canvas;
    context.fillStyle = this.#host.background;
    context.fillRect(0, 0, width, height);
    context.drawImage(this.#still, 0, 0, width, height);
  }

  /** Discards the frames captured so far. */
  skip(): void {
    this.#source?.skip();
  }

  /** Waits for a frame of the open source, else of the element that the attribute
   * `for` names. */
  async ready(signal: AbortSignal, question?: () => string): Promise<boolean> {
    if (signal.aborted) throw aborted();
    const source: FrameSource | undefined = this.#source;
    if (source) return source.ready(signal, question);
    return this.#unopenedSource().ready(signal);
  }

  take(
    signal: AbortSignal,
    side: number,
    question?: () => string,
  ): ReturnType<FrameSource["take"]> {
    const source: FrameSource | undefined =
      this.#source ?? this.#unopened?.source;
    return source?.take(signal, side, question);
  }

  /** Kept, since it knows an image that was asked about before. */
  #unopenedSource(): ElementSource {
    const { stream, for: id } = this.#host;
    if (stream || !id) {
      throw badOption(
        "There is no image to ask about.",
        "Pass one as the option source, or start a source first.",
      );
    }
    if (this.#unopened?.id !== id) {
      this.#unopened = { id, source: this.#elementSource(id) };
    }
    return this.#unopened.source;
  }

  #setAspect(width: number, height: number): void {
    this.aspect = `${width} / ${height}`;
    this.#host.requestUpdate();
  }

  #elementSource(id: string): ElementSource {
    return new ElementSource(this.#host, id, this.#listener);
  }
}
