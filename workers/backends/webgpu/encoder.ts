import { type Encoder, imageTokensForSize } from "../backend";
import { planForSize } from "../encoder-size";
import type { VisionPlan } from "./graphs/vision-plan";
import type { GpuTimer } from "../../kernels/gpu-timer";
import type { Gpu } from "../../ort/device";
import { BYTES_PER_FLOAT } from "../../ort/tensor-rows";
import type { Tensors, Tensor } from "../../ort/tensor";
import { at } from "../../util/assert";
import type { GpuWeights } from "./gpu-weights";
import {
  createReplayableGraph,
  createTensorBuffer,
  GraphCache,
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
  readonly #tensors: Tensors;
  readonly #plan: VisionPlan;
  readonly #weights: GpuWeights;
  readonly #timer: GpuTimer | undefined;
  /** By input size. */
  readonly #graphs = new GraphCache<number, EncoderGraph>(MAX_GRAPHS);
  /** `gpu.errorCount` when the graphs were recorded. */
  #errorCount: number;

  constructor(
    gpu: Gpu,
    tensors: Tensors,
    plan: VisionPlan,
    weights: GpuWeights,
    timer?: GpuTimer,
  ) {
    this.#gpu = gpu;
    this.#tensors = tensors;
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
    const { buffer, type, dims } = this.#createFeatures("image features", size);
    const features = this.#tensors.ofBuffer(buffer, type, dims);
    try {
      await this.#replay(graph, pixels, features, signal);
      return features;
    } catch (error) {
      features.dispose();
      throw error;
    }
  }

  async release(): Promise<void> {
    await this.#graphs.clear();
    this.#weights.destroy();
  }

  #createFeatures(label: string, size: number) {
    const { hidden, type } = this.#plan;
    const tokens = imageTokensForSize(size);
    const bytes = tokens * hidden * BYTES_PER_FLOAT[type];
    const buffer = createTensorBuffer(this.#gpu, label, bytes);
    return { buffer, type, dims: [1, tokens, hidden] };
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

  /** The graph of this input size. A GPU error since the recording may have
   * damaged the graphs: all are recorded again. */
  async #graphFor(size: number): Promise<EncoderGraph> {
    if (this.#errorCount !== this.#gpu.errorCount) {
      this.#errorCount = this.#gpu.errorCount;
      await this.#graphs.clear();
    }
    return this.#graphs.get(size, () => this.#record(size));
  }

  async #record(size: number): Promise<EncoderGraph> {
    const model = planForSize(size, this.#plan.graph);
    const bytes = 3 * size * size * BYTES_PER_FLOAT.float32;
    const pixels = createTensorBuffer(this.#gpu, "pixels", bytes);
    const features = this.#createFeatures("features", size);
    const destroy = (): void => {
      pixels.destroy();
      features.buffer.destroy();
    };
    const dims = [1, 3, size, size];
    try {
      const graph = await createReplayableGraph(
        this.#gpu,
        model,
        this.#weights.bind(this.#plan.weights),
        { pixel_values: { buffer: pixels, type: "float32", dims } },
        { image_features: features },
      );
      const release = async (): Promise<void> => {
        await graph.release();
        destroy();
      };
      return { ...graph, release, pixels, features: features.buffer };
    } catch (error) {
      destroy();
      throw error;
    }
  }
}
