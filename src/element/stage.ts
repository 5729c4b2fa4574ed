import { Capture, type CaptureListener, type CaptureSource } from "../capture";
import type { CapturedFrame } from "../frame-slot";
import { aborted } from "../queue";
import { now } from "../shared/clock";
import { VlmError } from "../shared/errors";
import { stillOf } from "../still";

/** Longest side of the shown copy; the pixels asked about keep their size. */
const shownSide = 1920;

/** Stills of all elements so far: they may share a worker, which knows pictures
 * by their names. */
let stills = 0;

/** What is looked at: a live source in the video, or a still in the canvas. */
export class Stage {
  readonly video = document.createElement("video");
  readonly canvas = document.createElement("canvas");
  /** A live source is open, or waited for. */
  open = false;
  readonly #capture: Capture;
  #still: ImageBitmap | undefined;
  #name = "";

  constructor(listener: CaptureListener) {
    this.#capture = new Capture(this.video, listener);
    this.video.muted = true;
    this.video.playsInline = true;
    this.video.loop = true;
    this.video.part.add("video");
    this.canvas.part.add("still");
  }

  get frozen(): boolean {
    return this.#still !== undefined;
  }

  async start(source: CaptureSource): Promise<void> {
    this.open = true;
    try {
      await this.#capture.open(source);
    } catch (thrown) {
      // A camera is waited for; what was closed may be open anew.
      const { code } = VlmError.from(thrown);
      if (source.kind !== "camera" && code !== "aborted") this.open = false;
      throw thrown;
    }
  }

  stop(): void {
    this.open = false;
    this.#capture.close();
    this.thaw();
  }

  async freeze(signal: AbortSignal): Promise<void> {
    const { frame } = await this.#capture.next(signal);
    let still: ImageBitmap;
    try {
      still = await stillOf(frame);
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

  /** Takes the bitmap over. */
  show(bitmap: ImageBitmap): void {
    this.thaw();
    this.#still = bitmap;
    this.#name = `still ${++stills}`;
    const { width, height } = bitmap;
    const scale = Math.min(1, shownSide / Math.max(width, height));
    this.canvas.width = Math.max(1, Math.round(width * scale));
    this.canvas.height = Math.max(1, Math.round(height * scale));
    const context = this.canvas.getContext("2d");
    context?.drawImage(bitmap, 0, 0, this.canvas.width, this.canvas.height);
  }

  /** What was captured before now is neither read nor counted. */
  skip(): void {
    this.#capture.skip();
  }

  /** The still, as of now, or the newest frame of the live source. */
  async frame(
    signal: AbortSignal,
  ): Promise<CapturedFrame & { readonly name?: string }> {
    if (this.#still) {
      // Another may be shown meanwhile.
      const name = this.#name;
      const frame = await createImageBitmap(this.#still);
      return { frame, name, time: now(), dropped: 0 };
    }
    if (this.open) return this.#capture.next(signal);
    throw new VlmError(
      "bad-option",
      "There is no picture to ask about.",
      "Hand one over, or start a source.",
    );
  }
}
