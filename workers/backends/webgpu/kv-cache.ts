import { largestBufferOf } from "./gpu-weights";
import type { DecoderPlan } from "./graphs/decoder-plan";
import type { BoundTensors, GpuTensor } from "../../ort/record-graph";
import type { Gpu } from "../../ort/device";
import { CACHE_LABEL } from "../../ort/gpu-bytes";
import { BYTES_PER_FLOAT } from "../../ort/tensor-rows";
import { at } from "../../util/assert";
import { createTensorBuffer } from "./replayable-graph";

type CacheShape = Pick<DecoderPlan, "layers" | "kvHeads" | "headDim" | "type">;

/** A cache of this size is cheap enough to be allocated up front. */
const INITIAL_BYTES = 64 * 2 ** 20;

/** Bytes of the keys, or of the values, of one position in one layer. */
function positionBytes({ kvHeads, headDim, type }: CacheShape): number {
  return kvHeads * headDim * BYTES_PER_FLOAT[type];
}

/** The positions of the largest cache that this GPU can hold, at most
 * `wanted`. */
export function maxPositions(
  gpu: Gpu,
  shape: CacheShape,
  wanted: number,
): number {
  const most = Math.floor(largestBufferOf(gpu) / positionBytes(shape));
  return Math.min(wanted, most);
}

/** The positions of a new cache: a power of two from 256 to 2048. */
export function initialCapacity(shape: CacheShape): number {
  const bytes = positionBytes(shape) * 2 * shape.layers;
  const power = 2 ** Math.floor(Math.log2(INITIAL_BYTES / bytes));
  return Math.min(2048, Math.max(256, power));
}

/**
 * Keys and values of `capacity` positions: one buffer each per layer,
 * [1, kvHeads, capacity, headDim]. Recorded graphs read and write them in place.
 */
export class GpuKvCache {
  readonly capacity: number;
  readonly #device: GPUDevice;
  readonly #shape: CacheShape;
  readonly #buffers: readonly GPUBuffer[];

  constructor(gpu: Gpu, shape: CacheShape, capacity: number) {
    this.#device = gpu.device;
    this.#shape = shape;
    this.capacity = capacity;
    const size = positionBytes(shape) * capacity;
    this.#buffers = Array.from({ length: shape.layers * 2 }, () =>
      createTensorBuffer(gpu, CACHE_LABEL, size),
    );
  }

  /** The buffers as inputs of a graph. */
  past(): BoundTensors {
    return this.#bind("past_key_values");
  }

  /** The same buffers as outputs of a graph. */
  present(): BoundTensors {
    return this.#bind("present");
  }

  /** Copies the first `length` positions of a cache of the same shape. */
  copyFrom(other: GpuKvCache, length: number): void {
    const { kvHeads } = this.#shape;
    const row = positionBytes(this.#shape) / kvHeads;
    const encoder = this.#device.createCommandEncoder({ label: "KV cache" });
    this.#buffers.forEach((buffer, i) => {
      const source = at(other.#buffers, i);
      for (let head = 0; head < kvHeads; head++) {
        encoder.copyBufferToBuffer(
          source,
          head * other.capacity * row,
          buffer,
          head * this.capacity * row,
          length * row,
        );
      }
    });
    this.#device.queue.submit([encoder.finish()]);
  }

  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }

  #bind(prefix: string): BoundTensors {
    const { kvHeads, headDim, type } = this.#shape;
    const dims = [1, kvHeads, this.capacity, headDim];
    return Object.fromEntries(
      this.#buffers.map((buffer, i): [string, GpuTensor] => {
        const kind = i % 2 === 0 ? "key" : "value";
        const name = `${prefix}.${Math.floor(i / 2)}.${kind}`;
        return [name, { buffer, type, dims }];
      }),
    );
  }
}
