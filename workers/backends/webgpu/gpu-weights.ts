import type { Weight } from "./graphs/weight";
import { UnsupportedGraph } from "../backend";
import type { BoundTensors, GpuTensor } from "../../ort/record-graph";
import type { Gpu } from "../../ort/device";
import { weightLabel } from "../../ort/gpu-bytes";
import { defined } from "../../util/assert";
import {
  WeightLayoutCache,
  type WeightBuffers,
} from "./overrides/weight-layouts";

/** The browser holds a copy of bytes that the GPU has not received yet. */
const MAX_PENDING_BYTES = 64 * 2 ** 20;

/** A weight that can be read from its files again. */
interface StoredWeight {
  readonly weight: Weight;
  contents: GPUBuffer | undefined;
  kept: boolean;
}

/** The weights of one graph. */
export interface BoundWeights {
  readonly tensors: BoundTensors;
  readonly buffers: WeightBuffers;
}

/**
 * Weights as inputs of recorded graphs. Each is on the GPU once, however many graphs
 * bind it: as it is in its files, or in the layouts that graphs read instead.
 */
export class GpuWeights implements WeightBuffers {
  readonly layouts = new WeightLayoutCache();
  readonly #gpu: Gpu;
  readonly #tensors = new Map<string, GpuTensor>();
  readonly #stored = new Map<GPUBuffer, StoredWeight>();
  /** Bytes written since the GPU received everything. */
  #pending = 0;

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
      buffers: this,
    };
  }

  has(buffer: GPUBuffer): boolean {
    return this.#stored.has(buffer);
  }

  async keep(buffer: GPUBuffer): Promise<GPUBuffer> {
    const contents = await this.contents(buffer);
    defined(this.#stored.get(buffer), buffer.label).kept = true;
    return contents;
  }

  free(buffer: GPUBuffer): void {
    const stored = defined(this.#stored.get(buffer), buffer.label);
    if (stored.kept) return;
    stored.contents?.destroy();
    stored.contents = undefined;
  }

  async contents(buffer: GPUBuffer): Promise<GPUBuffer> {
    const stored = defined(this.#stored.get(buffer), buffer.label);
    if (stored.contents === undefined) {
      stored.contents = this.#createBuffer(stored.weight);
      await this.#write(stored.weight, stored.contents);
      await this.#settle();
    }
    return stored.contents;
  }

  tensor(name: string): GpuTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new Error(`Weight ${name} is not uploaded`);
    return tensor;
  }

  destroy(): void {
    for (const { contents } of this.#stored.values()) contents?.destroy();
    this.#stored.clear();
    this.#tensors.clear();
    this.layouts.destroy();
  }

  async #upload(
    weights: readonly Weight[],
    onWeight: () => void,
  ): Promise<void> {
    for (const weight of weights) {
      const { name, type, dims } = weight;
      if (this.#tensors.has(name)) continue;
      onWeight();
      const buffer = this.#createBuffer(weight);
      this.#tensors.set(name, { buffer, type, dims });
      this.#stored.set(buffer, { weight, contents: buffer, kept: false });
      await this.#write(weight, buffer);
    }
    await this.#settle();
  }

  #createBuffer({ name, bytes }: Weight): GPUBuffer {
    return this.#gpu.device.createBuffer({
      label: weightLabel(name),
      size: Math.max(16, Math.ceil(bytes / 4) * 4),
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
    });
  }

  async #write(weight: Weight, buffer: GPUBuffer): Promise<void> {
    const { queue } = this.#gpu.device;
    let offset = 0;
    for await (const chunk of weight.chunks()) {
      queue.writeBuffer(buffer, offset, paddedToWords(chunk));
      offset += chunk.length;
      this.#pending += chunk.length;
      if (this.#pending >= MAX_PENDING_BYTES) await this.#settle();
    }
  }

  async #settle(): Promise<void> {
    this.#pending = 0;
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
