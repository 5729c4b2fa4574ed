import { VlmError } from "../../src/shared/errors";
import type { GenerateOptions, Frame } from "../../src/shared/protocol";
import type { Geometry } from "../kernels/geometry";
import type { GpuTimer } from "../kernels/gpu-timer";
import { Resizer } from "../kernels/resize";
import { resizeToPlanes, type PixelReader } from "../kernels/resize.reference";
import type { Memory, Tensor } from "../ort/tensor";
import { tilesOf } from "./tiling";

const CHANNELS = 3;
const FLOAT_BYTES = 4;

/**
 * A view of a frame → what the encoder reads: [1, 3, side, side] floats in
 * 0..1. On the GPU straight from the frame, into one buffer that is kept from
 * view to view; else on the processor.
 */
export class Preprocessor {
  readonly #memory: Memory;
  readonly #resizer: Resizer | undefined;
  readonly #timer: GpuTimer | undefined;
  #planes: GPUBuffer | undefined;

  /** `timer`: what measures it on the GPU. */
  constructor(memory: Memory, timer?: GpuTimer) {
    this.#memory = memory;
    this.#timer = timer;
    const device = memory.gpu?.device;
    this.#resizer = device && new Resizer(device);
  }

  /** The squares that the encoder is to see of the frame. */
  views(frame: Frame, options: GenerateOptions): Geometry[] {
    const { width, height } = frameSize(frame);
    return tilesOf(width, height, options);
  }

  /** The tensor is good until the next call. */
  run(frame: Frame, view: Geometry): Tensor {
    const { side } = view;
    const dims = [1, CHANNELS, side, side];
    try {
      if (this.#resizer === undefined || this.#memory.gpu === undefined) {
        const planes = resizeToPlanes(readerOf(frame), view);
        return this.#memory.floats(planes, dims);
      }
      const planes = this.#planesFor(this.#memory.gpu.device, side);
      const source = isHdr(frame) ? toSrgb(frame) : frame;
      this.#resizer.run(source, view, planes, this.#timer);
      return this.#memory.onBuffer(planes, dims);
    } catch (error) {
      throw badImage(error instanceof Error ? error.message : String(error));
    }
  }

  dispose(): void {
    this.#resizer?.dispose();
    this.#planes?.destroy();
  }

  #planesFor(device: GPUDevice, side: number): GPUBuffer {
    const bytes = CHANNELS * side * side * FLOAT_BYTES;
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

/** As shown: turned, and with square pixels. A closed frame has no size. */
function frameSize(frame: Frame): { width: number; height: number } {
  const [width, height] =
    frame instanceof VideoFrame
      ? [frame.displayWidth, frame.displayHeight]
      : [frame.width, frame.height];
  if (width > 0 && height > 0) return { width, height };
  throw badImage(`it is ${width} by ${height} pixels, or was closed`);
}

function badImage(why: string): VlmError {
  return new VlmError(
    "bad-image",
    `The picture cannot be read: ${why}.`,
    "Try another picture.",
  );
}

/** Copied to a GPU as they are, such frames lose their colours in Chromium. */
function isHdr(frame: Frame): frame is VideoFrame {
  const hdr: readonly (string | null)[] = ["pq", "hlg"];
  return frame instanceof VideoFrame && hdr.includes(frame.colorSpace.transfer);
}

function toSrgb(frame: VideoFrame): OffscreenCanvas {
  const { displayWidth, displayHeight } = frame;
  const canvas = new OffscreenCanvas(displayWidth, displayHeight);
  contextOf(canvas, false).drawImage(frame, 0, 0, displayWidth, displayHeight);
  return canvas;
}

/** Opaque, so that what shines through is black. */
function contextOf(
  canvas: OffscreenCanvas,
  willReadFrequently: boolean,
): OffscreenCanvasRenderingContext2D {
  const options = { alpha: false, colorSpace: "srgb", willReadFrequently };
  const context = canvas.getContext("2d", options);
  if (context === null) throw new Error("no canvas to read it with");
  return context;
}

/** Rectangles by way of a canvas of their size. */
function readerOf(frame: Frame): PixelReader {
  const shown = frameSize(frame);
  let canvas = new OffscreenCanvas(1, 1);
  return (x, y, width, height) => {
    if (canvas.width !== width || canvas.height !== height) {
      canvas = new OffscreenCanvas(width, height);
    }
    const context = contextOf(canvas, true);
    context.fillRect(0, 0, width, height);
    context.drawImage(frame, -x, -y, shown.width, shown.height);
    return context.getImageData(0, 0, width, height).data;
  };
}
