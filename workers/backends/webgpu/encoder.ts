import { VlmError } from "../../../src/shared/errors";
import { type Encoder, UnsupportedGraph, imageTokensForSize } from "../backend";
import type { VisionPlan } from "./graphs/vision-plan";
import type { GpuTimer } from "../../kernels/gpu-timer";
import type { Gpu } from "../../ort/device";
import { BYTES_PER_FLOAT } from "../../ort/tensor-rows";
import type { Memory, Tensor } from "../../ort/tensor";
import { at } from "../../util/assert";
import type { GpuWeights } from "./gpu-weights";
import {
  createReplayableGraph,
  type ReplayableGraph,
} from "./replayable-graph";
import { replay } from "./replay";

/** Input sizes that stay recorded. Their intermediate tensors stay allocated. */
const MAX_GRAPHS = 2;

interface EncoderGraph extends ReplayableGraph {
  readonly pixels: GPUBuffer;
  readonly features: GPUBuffer;
}

/** Runs the vision encoder as one recorded graph per input size. */
export class WebGpuEncoder implements Encoder {
  readonly #gpu: Gpu;
  readonly #memory: Memory;
  readonly #plan: VisionPlan;
  readonly #weights: GpuWeights;
  readonly #timer: GpuTimer | undefined;
  /** By input size, the most recently used one last. */
  readonly #graphs = new Map<number, EncoderGraph>();
  /** `gpu.errorCount` when the graphs were recorded. */
  #errorCount: number;

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
    this.#errorCount = gpu.errorCount;
  }

  /** Resolves when the work is submitted; work submitted later sees the
   * features. */
  async encode(pixels: Tensor, signal?: AbortSignal): Promise<Tensor> {
    this.#gpu.check();
    const size = at(pixels.dims, 3);
    const graph = await this.#graphFor(size);
    const features = this.#createFeatures(size);
    try {
      await this.#replay(graph, pixels, features, signal);
      return features;
    } catch (error) {
      features.dispose();
      throw error;
    }
  }

  async release(): Promise<void> {
    await this.#releaseGraphs();
    this.#weights.destroy();
  }

  #createFeatures(size: number): Tensor {
    const { hidden, type } = this.#plan;
    const tokens = imageTokensForSize(size);
    const bytes = tokens * hidden * BYTES_PER_FLOAT[type];
    const buffer = this.#createBuffer("image features", bytes);
    return this.#memory.ofBuffer(buffer, type, [1, tokens, hidden]);
  }

  #replay(
    graph: EncoderGraph,
    { gpuBuffer: pixels }: Tensor,
    { gpuBuffer: features }: Tensor,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    return replay(this.#gpu, "encode", graph.pace, [graph.dispatches], {
      timer: this.#timer,
      signal,
      before: (encoder) => {
        const { size } = graph.pixels;
        encoder.copyBufferToBuffer(pixels, 0, graph.pixels, 0, size);
      },
      after: (encoder) => {
        const { size } = features;
        encoder.copyBufferToBuffer(graph.features, 0, features, 0, size);
      },
    });
  }

  async #releaseGraphs(): Promise<void> {
    const graphs = [...this.#graphs.values()];
    this.#graphs.clear();
    for (const graph of graphs) await releaseGraph(graph);
  }

  /** The graph of this input size. A GPU error since the recording may have
   * damaged the graphs: all are recorded again. */
  async #graphFor(size: number): Promise<EncoderGraph> {
    if (this.#errorCount !== this.#gpu.errorCount) {
      this.#errorCount = this.#gpu.errorCount;
      await this.#releaseGraphs();
    }
    const graph = this.#graphs.get(size) ?? (await this.#record(size));
    this.#graphs.delete(size);
    this.#graphs.set(size, graph);
    for (const [oldest, unused] of this.#graphs) {
      if (this.#graphs.size <= MAX_GRAPHS) break;
      this.#graphs.delete(oldest);
      await releaseGraph(unused);
    }
    return graph;
  }

  async #record(size: number): Promise<EncoderGraph> {
    const { hidden, type } = this.#plan;
    const model = this.#modelFor(size);
    const tokens = imageTokensForSize(size);
    const bytes = tokens * hidden * BYTES_PER_FLOAT[type];
    const pixels = this.#createBuffer("pixels", 3 * size * size * 4);
    const features = this.#createBuffer("features", bytes);
    try {
      const graph = await createReplayableGraph(
        this.#gpu,
        model,
        this.#weights.bind(this.#plan.weights),
        {
          pixel_values: {
            buffer: pixels,
            type: "float32",
            dims: [1, 3, size, size],
          },
        },
        {
          image_features: {
            buffer: features,
            type,
            dims: [1, tokens, hidden],
          },
        },
      );
      return { ...graph, pixels, features };
    } catch (error) {
      pixels.destroy();
      features.destroy();
      throw error;
    }
  }

  /** Some exports are written for one input size only. */
  #modelFor(size: number): Uint8Array {
    try {
      return this.#plan.graph(size);
    } catch (error) {
      if (!(error instanceof UnsupportedGraph)) throw error;
      throw new VlmError(
        "unsupported",
        `The vision encoder does not support an input of ${size} pixels: ${error.message}.`,
        "Use the size in the model's preprocessor_config.json, or set backend to ort.",
      );
    }
  }

  #createBuffer(label: string, bytes: number): GPUBuffer {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const size = Math.ceil(bytes / 16) * 16;
    const usage = STORAGE | COPY_SRC | COPY_DST;
    return this.#gpu.device.createBuffer({ label, size, usage });
  }
}

async function releaseGraph(graph: EncoderGraph): Promise<void> {
  await graph.release();
  graph.pixels.destroy();
  graph.features.destroy();
}
