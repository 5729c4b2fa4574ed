import { VlmError } from "../src/shared/errors";
import type { Frame } from "../src/shared/protocol";
import { Resizer } from "./kernels/resize";
import { resizeToPlanes, type PixelSource } from "./kernels/resize.reference";
import type { Memory, Tensor } from "./ort/tensor";

const CHANNELS = 3;
const FLOAT_BYTES = 4;

/**
 * Frame → what the encoder reads: [1, 3, size, size] floats in 0..1, the
 * picture centred on a black square. On the GPU straight from the frame, into
 * one buffer that is kept from frame to frame; else on the processor.
 */
export class Preprocessor {
  readonly #memory: Memory;
  readonly #resizer: Resizer | undefined;
  #planes: GPUBuffer | undefined;

  constructor(memory: Memory) {
    this.#memory = memory;
    const device = memory.gpu?.device;
    this.#resizer = device && new Resizer(device);
  }

  /** The tensor is good until the next call. */
  run(frame: Frame, size: number): Tensor {
    const { width, height } = frameSize(frame);
    const dims = [1, CHANNELS, size, size];
    try {
      if (this.#resizer === undefined || this.#memory.gpu === undefined) {
        const planes = resizeToPlanes(pixelsOf(frame, width, height), size);
        return this.#memory.floats(planes, dims);
      }
      const planes = this.#planesFor(this.#memory.gpu.device, size);
      this.#resizer.run(frame, width, height, size, planes);
      return this.#memory.onBuffer(planes, dims);
    } catch (error) {
      throw badImage(error instanceof Error ? error.message : String(error));
    }
  }

  dispose(): void {
    this.#resizer?.dispose();
    this.#planes?.destroy();
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

/** Rows by way of a canvas as high as the band that is asked for. */
function pixelsOf(frame: Frame, width: number, height: number): PixelSource {
  let canvas = new OffscreenCanvas(1, 1);
  return {
    width,
    height,
    rows(from, to) {
      const rows = to - from;
      if (canvas.width !== width || canvas.height !== rows) {
        canvas = new OffscreenCanvas(width, rows);
      }
      // Opaque, so that what shines through is black.
      const options = { alpha: false, willReadFrequently: true };
      const context = canvas.getContext("2d", options);
      if (context === null) throw new Error("no canvas to read it with");
      context.fillRect(0, 0, width, rows);
      context.drawImage(frame, 0, from, width, rows, 0, 0, width, rows);
      return context.getImageData(0, 0, width, rows).data;
    },
  };
}
