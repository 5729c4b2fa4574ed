import { parseColor, type Rgb } from "../../src/shared/color";
import { VlmError } from "../../src/shared/errors";
import { isHdr, isVideoFrame } from "../../src/shared/frames";
import type { GenerateOptions, Frame } from "../../src/shared/protocol";
import type { Geometry } from "../kernels/resize-geometry";
import type { GpuTimer } from "../kernels/gpu-timer";
import { Resizer } from "../kernels/resize";
import { resizeToPlanes, type PixelReader } from "../kernels/resize.reference";
import type { Tensors, Tensor } from "../ort/tensor";
import { defined } from "../util/assert";
import { viewsOf } from "./tiling";

const CHANNELS = 3;
const FLOAT_BYTES = 4;

/**
 * Frame → the encoder's input: [1, 3, size, size] floats from 0 to 1. On the GPU
 * directly from the frame into one reused buffer, else on the CPU.
 */
export class Preprocessor {
  readonly #tensors: Tensors;
  readonly #resizer: Resizer | undefined;
  readonly #timer: GpuTimer | undefined;
  #planes: GPUBuffer | undefined;
  /** False where WebGPU copies no VideoFrames, as in Firefox. */
  #copiesVideo = true;

  constructor(tensors: Tensors, timer?: GpuTimer) {
    this.#tensors = tensors;
    this.#timer = timer;
    const device = tensors.gpu?.device;
    this.#resizer = device && new Resizer(device);
  }

  /** The square views of the frame that are encoded. */
  views(frame: Frame, options: GenerateOptions): Geometry[] {
    const { width, height } = frameSize(frame);
    return viewsOf(width, height, options);
  }

  /** The tensor is valid until the next call. */
  run(
    frame: Frame,
    view: Geometry,
    options: Pick<GenerateOptions, "background">,
  ): Tensor {
    const { size } = view;
    const dims = [1, CHANNELS, size, size];
    const background = defined(parseColor(options.background), "background");
    try {
      if (this.#resizer === undefined || this.#tensors.gpu === undefined) {
        const planes = resizeToPlanes(readerOf(frame, background), view);
        return this.#tensors.floats(planes, dims);
      }
      const planes = this.#planesFor(this.#tensors.gpu.device, size);
      this.#resize(this.#resizer, frame, view, planes, background);
      return this.#tensors.onBuffer(planes, dims);
    } catch (error) {
      throw badImage(error instanceof Error ? error.message : String(error));
    }
  }

  dispose(): void {
    this.#resizer?.dispose();
    this.#planes?.destroy();
  }

  #resize(
    resizer: Resizer,
    frame: Frame,
    view: Geometry,
    planes: GPUBuffer,
    background: Rgb,
  ): void {
    const run = (source: Frame): void =>
      resizer.run(source, view, planes, background, this.#timer);
    if (isVideoFrame(frame) && (isHdr(frame) || !this.#copiesVideo)) {
      run(drawn(frame));
      return;
    }
    try {
      run(frame);
    } catch (thrown) {
      if (!isVideoFrame(frame)) throw thrown;
      run(drawn(frame));
      this.#copiesVideo = false;
    }
  }

  #planesFor(device: GPUDevice, size: number): GPUBuffer {
    const bytes = CHANNELS * size * size * FLOAT_BYTES;
    if (this.#planes?.size !== bytes) {
      this.#planes?.destroy();
      this.#planes = device.createBuffer({
        label: "pixel_values",
        size: bytes,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
      });
    }
    return this.#planes;
  }
}

/** The display size: rotated, with square pixels. A closed frame has none. */
function frameSize(frame: Frame): { width: number; height: number } {
  const [width, height] = isVideoFrame(frame)
    ? [frame.displayWidth, frame.displayHeight]
    : [frame.width, frame.height];
  if (width > 0 && height > 0) return { width, height };
  throw badImage(`it is ${width} x ${height} pixels, or the frame was closed`);
}

function badImage(why: string): VlmError {
  return new VlmError(
    "bad-image",
    `The image cannot be read: ${why}.`,
    "Try another image.",
  );
}

/** A copy in sRGB that WebGPU accepts in every browser. */
function drawn(frame: VideoFrame): ImageBitmap {
  const { displayWidth, displayHeight } = frame;
  const canvas = new OffscreenCanvas(displayWidth, displayHeight);
  const context = contextOf(canvas, true);
  context.drawImage(frame, 0, 0, displayWidth, displayHeight);
  return canvas.transferToImageBitmap();
}

function contextOf(
  canvas: OffscreenCanvas,
  alpha: boolean,
  willReadFrequently = false,
): OffscreenCanvasRenderingContext2D {
  const options = { alpha, colorSpace: "srgb", willReadFrequently };
  const context = canvas.getContext("2d", options);
  if (context === null) throw new Error("Cannot create a 2D canvas context.");
  return context;
}

/** Reads rectangles through a canvas of their size, on `background`. */
function readerOf(frame: Frame, background: Rgb): PixelReader {
  const shown = frameSize(frame);
  let canvas = new OffscreenCanvas(1, 1);
  return (x, y, width, height) => {
    if (canvas.width !== width || canvas.height !== height) {
      canvas = new OffscreenCanvas(width, height);
    }
    const context = contextOf(canvas, false, true);
    context.fillStyle = `rgb(${background.join(" ")})`;
    context.fillRect(0, 0, width, height);
    context.drawImage(frame, -x, -y, shown.width, shown.height);
    return context.getImageData(0, 0, width, height).data;
  };
}
