import type { Weight } from "./graphs/weight";
import { UnsupportedGraph } from "../backend";
import type { BoundTensors, GpuTensor } from "../../ort/record-graph";
import type { Gpu } from "../../ort/device";
import { WeightLayoutCache } from "./overrides/weight-layouts";

/** The browser holds a copy of bytes that the GPU has not received yet. */
const MAX_PENDING_BYTES = 64 * 2 ** 20;

/** The weights of one graph, with the layouts that kernels derived from them. */
export interface BoundWeights {
  readonly tensors: BoundTensors;
  readonly layouts: WeightLayoutCache;
}

/** Weights as inputs of recorded graphs. Each is on the GPU once, however many
 * graphs bind it. */
export class GpuWeights {
  readonly #gpu: Gpu;
  readonly #tensors = new Map<string, GpuTensor>();
  readonly #layouts = new WeightLayoutCache();

  private constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** Calls `onWeight` before each weight; it may throw to cancel. On failure no
   * buffers remain. */
  static async upload(
    gpu: Gpu,
    weights: readonly Weight[],
    onWeight: () => void,
  ): Promise<GpuWeights> {
    const all = new GpuWeights(gpu);
    try {
      await all.#upload(weights, onWeight);
      return all;
    } catch (error) {
      all.destroy();
      throw error;
    }
  }

  bind(weights: readonly Pick<Weight, "name">[]): BoundWeights {
    const tensors = weights.map(({ name }) => [name, this.tensor(name)]);
    return {
      tensors: Object.fromEntries(tensors) as BoundTensors,
      layouts: this.#layouts,
    };
  }

  tensor(name: string): GpuTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new Error(`Weight ${name} is not uploaded`);
    return tensor;
  }

  destroy(): void {
    for (const { buffer } of this.#tensors.values()) buffer.destroy();
    this.#tensors.clear();
    this.#layouts.destroy();
  }

  async #upload(
    weights: readonly Weight[],
    onWeight: () => void,
  ): Promise<void> {
    const { device } = this.#gpu;
    let pending = 0;
    for (const weight of weights) {
      const { name, type, dims, bytes } = weight;
      if (this.#tensors.has(name)) continue;
      onWeight();
      const buffer = device.createBuffer({
        label: name,
        size: Math.max(16, Math.ceil(bytes / 4) * 4),
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
      });
      this.#tensors.set(name, { buffer, type, dims });
      let offset = 0;
      for await (const chunk of weight.chunks()) {
        device.queue.writeBuffer(buffer, offset, paddedToWords(chunk));
        offset += chunk.length;
        pending += chunk.length;
        if (pending < MAX_PENDING_BYTES) continue;
        await this.#settle();
        pending = 0;
      }
    }
    await this.#settle();
  }

  async #settle(): Promise<void> {
    await this.#gpu.guard(this.#gpu.device.queue.onSubmittedWorkDone());
    this.#gpu.check();
  }
}

/** Bytes of the largest buffer that a shader can read. */
export function largestBufferOf({ device }: Gpu): number {
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  return Math.min(maxBufferSize, maxStorageBufferBindingSize);
}

/** Throws `UnsupportedGraph` for a weight that is larger than a storage buffer
 * of this GPU. */
export function checkWeightSizes(gpu: Gpu, weights: readonly Weight[]): void {
  const most = largestBufferOf(gpu);
  const largest = weights.find(({ bytes }) => bytes > most);
  if (largest === undefined) return;
  const { name, bytes } = largest;
  throw new UnsupportedGraph(
    `${name} has ${bytes} bytes; a storage buffer on ${gpu.name} holds at most ${most}`,
  );
}

/** `writeBuffer` takes multiples of four bytes. */
function paddedToWords(
  chunk: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  if (chunk.length % 4 === 0) return chunk;
  const words = new Uint8Array(Math.ceil(chunk.length / 4) * 4);
  words.set(chunk);
  return words;
}
