import { parseColor, type Rgb } from "../../src/shared/color";
import { VlmError } from "../../src/shared/errors";
import { isHdr, isVideoFrame } from "../../src/shared/frames";
import type { GenerateOptions, Frame } from "../../src/shared/protocol";
import type { Geometry } from "../kernels/resize-geometry";
import type { GpuTimer } from "../kernels/gpu-timer";
import { Resizer } from "../kernels/resize";
import { WasmResizer } from "../kernels/resize-wasm";
import type { Tensors, Tensor } from "../ort/tensor";
import { defined } from "../util/assert";
import { contextOf, displaySize, FrameReader } from "./frame-reader";
import { viewsOf } from "./tiling";

const CHANNELS = 3;
const FLOAT_BYTES = 4;

/** Resizes frames in the memory where the encoder runs. */
interface FrameResizer {
  resize(
    frame: Frame,
    view: Geometry,
    background: Rgb,
  ): Tensor | Promise<Tensor>;
  dispose(): void;
}

/**
 * Frame → the encoder's input: [1, 3, size, size] floats from 0 to 1. On the GPU
 * directly from the frame into one reused buffer, else in WebAssembly.
 */
export class Preprocessor {
  readonly #resizer: FrameResizer;

  constructor(tensors: Tensors, timer?: GpuTimer) {
    const { gpu } = tensors;
    this.#resizer =
      gpu === undefined
        ? new CpuFrameResizer(tensors)
        : new GpuFrameResizer(tensors, gpu.device, timer);
  }

  /** The square views of the frame that are encoded. */
  views(frame: Frame, options: GenerateOptions): Geometry[] {
    const { width, height } = displaySize(frame);
    if (width > 0 && height > 0) return viewsOf(width, height, options);
    const size = `${width} x ${height}`;
    throw badImage(`it is ${size} pixels, or the frame was closed`);
  }

  /** The tensor is valid until the next call. */
  async run(
    frame: Frame,
    view: Geometry,
    options: Pick<GenerateOptions, "background">,
  ): Promise<Tensor> {
    const background = defined(parseColor(options.background), "background");
    try {
      return await this.#resizer.resize(frame, view, background);
    } catch (error) {
      throw badImage(error instanceof Error ? error.message : String(error));
    }
  }

  dispose(): void {
    this.#resizer.dispose();
  }
}

class CpuFrameResizer implements FrameResizer {
  readonly #tensors: Tensors;
  readonly #resizer = new WasmResizer();
  readonly #reader = new FrameReader();

  constructor(tensors: Tensors) {
    this.#tensors = tensors;
  }

  async resize(frame: Frame, view: Geometry, background: Rgb): Promise<Tensor> {
    const read = this.#reader.open(frame, background);
    const planes = await this.#resizer.run(read, view);
    return this.#tensors.floats(planes, dimsOf(view));
  }

  dispose(): void {
    // Nothing but memory, which is collected.
  }
}

class GpuFrameResizer implements FrameResizer {
  readonly #tensors: Tensors;
  readonly #device: GPUDevice;
  readonly #resizer: Resizer;
  readonly #timer: GpuTimer | undefined;
  #planes: GPUBuffer | undefined;
  /** False where WebGPU copies no VideoFrames, as in Firefox. */
  #copiesVideo = true;

  constructor(
    tensors: Tensors,
    device: GPUDevice,
    timer: GpuTimer | undefined,
  ) {
    this.#tensors = tensors;
    this.#device = device;
    this.#resizer = new Resizer(device);
    this.#timer = timer;
  }

  resize(frame: Frame, view: Geometry, background: Rgb): Tensor {
    const planes = this.#planesFor(view.size);
    const run = (source: Frame): void =>
      this.#resizer.run(source, view, planes, background, this.#timer);
    if (isVideoFrame(frame) && (isHdr(frame) || !this.#copiesVideo)) {
      run(drawn(frame));
    } else {
      try {
        run(frame);
      } catch (thrown) {
        if (!isVideoFrame(frame)) throw thrown;
        run(drawn(frame));
        this.#copiesVideo = false;
      }
    }
    return this.#tensors.onBuffer(planes, dimsOf(view));
  }

  dispose(): void {
    this.#resizer.dispose();
    this.#planes?.destroy();
  }

  #planesFor(size: number): GPUBuffer {
    const bytes = CHANNELS * size * size * FLOAT_BYTES;
    if (this.#planes?.size !== bytes) {
      this.#planes?.destroy();
      this.#planes = this.#device.createBuffer({
        label: "pixel_values",
        size: bytes,
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
      });
    }
    return this.#planes;
  }
}

const dimsOf = ({ size }: Geometry): number[] => [1, CHANNELS, size, size];

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
  const context = contextOf(canvas, { alpha: true });
  context.drawImage(frame, 0, 0, displayWidth, displayHeight);
  return canvas.transferToImageBitmap();
}
