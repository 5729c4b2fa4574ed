import { UnsupportedGraph, type Weight } from "./graphs/weight";
import type { Bound, GpuTensor } from "../../ort/capture";
import type { Gpu } from "../../ort/device";
import { WeightLayoutCache } from "./weight-layout-cache";

/** Bytes on their way to the GPU at a time; the browser holds a copy of them. */
const UNDERWAY = 64 * 2 ** 20;

/** Weights of one graph, and what graphs share that was made of them. */
export interface BoundWeights {
  readonly tensors: Bound;
  readonly folds: WeightLayoutCache;
}

/** Weights that are inputs of captured graphs: each is on the GPU once, however
 * many graphs it is bound to. */
export class GpuWeights {
  readonly #gpu: Gpu;
  readonly #tensors = new Map<string, GpuTensor>();
  readonly #folds = new WeightLayoutCache();

  private constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** `next` is called before each weight and may throw; nothing is left behind
   * then. */
  static async upload(
    gpu: Gpu,
    weights: readonly Weight[],
    next: () => void,
  ): Promise<GpuWeights> {
    const all = new GpuWeights(gpu);
    try {
      await all.#upload(weights, next);
      return all;
    } catch (error) {
      all.destroy();
      throw error;
    }
  }

  /** Those of `weights`, by name. */
  of(weights: readonly Pick<Weight, "name">[]): BoundWeights {
    const tensors = weights.map(({ name }) => [name, this.tensor(name)]);
    return {
      tensors: Object.fromEntries(tensors) as Bound,
      folds: this.#folds,
    };
  }

  tensor(name: string): GpuTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new Error(`There is no weight ${name}`);
    return tensor;
  }

  destroy(): void {
    for (const { buffer } of this.#tensors.values()) buffer.destroy();
    this.#tensors.clear();
    this.#folds.destroy();
  }

  async #upload(weights: readonly Weight[], next: () => void): Promise<void> {
    const { device } = this.#gpu;
    let underway = 0;
    for (const weight of weights) {
      const { name, type, dims, bytes } = weight;
      if (this.#tensors.has(name)) continue;
      next();
      const buffer = device.createBuffer({
        label: name,
        size: Math.max(16, Math.ceil(bytes / 4) * 4),
        usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
      });
      this.#tensors.set(name, { buffer, type, dims });
      let at = 0;
      for await (const chunk of weight.chunks()) {
        device.queue.writeBuffer(buffer, at, inWords(chunk));
        at += chunk.length;
        underway += chunk.length;
        if (underway < UNDERWAY) continue;
        await this.#settle();
        underway = 0;
      }
    }
    await this.#settle();
  }

  async #settle(): Promise<void> {
    await this.#gpu.guard(this.#gpu.device.queue.onSubmittedWorkDone());
    this.#gpu.check();
  }
}

/** Throws `Unfit` for weights that no buffer of this GPU can hold. */
export function checkSizes(
  { device, name }: Gpu,
  weights: readonly Weight[],
): void {
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  const largest = weights.find(({ bytes }) => bytes > most);
  if (largest === undefined) return;
  throw new UnsupportedGraph(
    `${largest.name} has ${largest.bytes} bytes, and ${name} takes ${most} in a buffer`,
  );
}

/** The GPU is written to by words of four bytes. */
function inWords(chunk: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (chunk.length % 4 === 0) return chunk;
  const words = new Uint8Array(Math.ceil(chunk.length / 4) * 4);
  words.set(chunk);
  return words;
}
