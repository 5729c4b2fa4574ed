import { VlmError } from "../../../src/shared/errors";
import { imageTokensForSize, type Encoder } from "../backend";
import type { VisionPlan } from "./graphs/vision-plan";
import { UnsupportedGraph } from "./graphs/weight";
import type { GpuTimer } from "../../kernels/gpu-timer";
import type { Gpu } from "../../ort/device";
import { Queue } from "../../util/queue";
import { BYTES } from "../../ort/rows";
import type { Memory, Tensor } from "../../ort/tensor";
import type { GpuWeights } from "./gpu-weights";
import { makeGraph, type Graph } from "./graph";
import { replay } from "./replay";

/** Sides that stay captured: what lies between the operators stays allocated. */
const KEPT = 2;

interface Side extends Graph {
  readonly pixels: GPUBuffer;
  readonly features: GPUBuffer;
}

/** The encoder as captured commands of each side, replayed. */
export class WebGpuEncoder implements Encoder {
  readonly #gpu: Gpu;
  readonly #memory: Memory;
  readonly #plan: VisionPlan;
  readonly #weights: GpuWeights;
  readonly #timer: GpuTimer | undefined;
  readonly #queue = new Queue();
  /** The latest used is the last. */
  readonly #sides = new Map<number, Side>();
  /** Of the GPU, when all sides were sound. */
  #faults: number;

  constructor(
    gpu: Gpu,
    memory: Memory,
    plan: VisionPlan,
    weights: GpuWeights,
    timer?: GpuTimer,
  ) {
    this.#gpu = gpu;
    this.#memory = memory;
    this.#plan = plan;
    this.#weights = weights;
    this.#timer = timer;
    this.#faults = gpu.faults;
  }

  /** Resolves when the work is submitted: what is submitted later sees it. */
  encode(pixels: Tensor, signal?: AbortSignal): Promise<Tensor> {
    return this.#queue.add(async () => {
      this.#gpu.check();
      const size = pixels.dims[3] ?? 0;
      const side = await this.#captured(size);
      const features = this.#features(size);
      try {
        await this.#replay(side, pixels, features, signal);
        return features;
      } catch (error) {
        features.dispose();
        throw error;
      }
    });
  }

  async release(): Promise<void> {
    await this.#queue.add(async () => {
      await this.#dropAll();
    });
    this.#weights.destroy();
  }

  #features(size: number): Tensor {
    const { hidden, type } = this.#plan;
    const bytes = imageTokensForSize(size) * hidden * BYTES[type];
    const buffer = this.#make("image features", bytes);
    return this.#memory.ofBuffer(buffer, type, [
      1,
      imageTokensForSize(size),
      hidden,
    ]);
  }

  #replay(
    side: Side,
    { gpuBuffer: given }: Tensor,
    { gpuBuffer: taken }: Tensor,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    return replay(this.#gpu, "encode", side.pace, [side.dispatches], {
      timer: this.#timer,
      signal,
      before: (encoder) => {
        const { size } = side.pixels;
        encoder.copyBufferToBuffer(given, 0, side.pixels, 0, size);
      },
      after: (encoder) => {
        encoder.copyBufferToBuffer(side.features, 0, taken, 0, taken.size);
      },
    });
  }

  async #dropAll(): Promise<void> {
    const sides = [...this.#sides.values()];
    this.#sides.clear();
    for (const side of sides) await drop(side);
  }

  async #captured(size: number): Promise<Side> {
    if (this.#faults !== this.#gpu.faults) {
      this.#faults = this.#gpu.faults;
      await this.#dropAll();
    }
    const side = this.#sides.get(size) ?? (await this.#capture(size));
    this.#sides.delete(size);
    this.#sides.set(size, side);
    const [[oldest, dropped] = []] = this.#sides;
    if (dropped !== undefined && this.#sides.size > KEPT) {
      this.#sides.delete(oldest ?? 0);
      await drop(dropped);
    }
    return side;
  }

  async #capture(size: number): Promise<Side> {
    const { hidden, type, weights } = this.#plan;
    const tokens = imageTokensForSize(size);
    const pixels = this.#make("pixels", 3 * size * size * 4);
    const features = this.#make("features", tokens * hidden * BYTES[type]);
    const inputs = {
      pixel_values: {
        ...{ buffer: pixels, type: "float32", dims: [1, 3, size, size] },
      },
    };
    const outputs = {
      image_features: { buffer: features, type, dims: [1, tokens, hidden] },
    };
    try {
      const model = this.#graph(size);
      const bound = this.#weights.of(weights);
      const gpu = this.#gpu;
      const graph = await makeGraph(gpu, model, bound, inputs, outputs);
      return { ...graph, pixels, features };
    } catch (error) {
      pixels.destroy();
      features.destroy();
      throw error;
    }
  }

  #graph(size: number): Uint8Array {
    try {
      return this.#plan.graph(size);
    } catch (error) {
      throw error instanceof UnsupportedGraph ? notMadeFor(size, error) : error;
    }
  }

  #make(label: string, bytes: number): GPUBuffer {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const size = Math.ceil(bytes / 16) * 16;
    const usage = STORAGE | COPY_SRC | COPY_DST;
    return this.#gpu.device.createBuffer({ label, size, usage });
  }
}

/** Of some exports the shapes fit one side only. */
function notMadeFor(size: number, { message }: UnsupportedGraph): VlmError {
  return new VlmError(
    "unsupported",
    `The vision encoder is not made for ${size} pixels: ${message}.`,
    "Choose the size that the model's preprocessor asks for, or the plain path.",
  );
}

async function drop({ release, pixels, features }: Side): Promise<void> {
  await release();
  pixels.destroy();
  features.destroy();
}
