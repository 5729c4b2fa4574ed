import type { DecoderPlan } from "./graphs/decoder-plan";
import type { Bound, GpuTensor } from "../../ort/capture";
import type { Gpu } from "../../ort/device";
import { BYTES } from "../../ort/rows";

type Shape = Pick<DecoderPlan, "layers" | "kvHeads" | "headDim" | "type">;

/** Caches that take no more than this need not grow. */
const SMALL = 64 * 2 ** 20;

/** Bytes of the keys, or the values, of one position in one layer. */
function positionBytes({ kvHeads, headDim, type }: Shape): number {
  return kvHeads * headDim * BYTES[type];
}

/** Positions that a cache may have on this GPU, `wanted` at most. */
export function mostPositions(
  { device }: Gpu,
  shape: Shape,
  wanted: number,
): number {
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const most = Math.min(maxBufferSize, maxStorageBufferBindingSize);
  return Math.min(wanted, Math.floor(most / positionBytes(shape)));
}

/** Positions that a cache begins with. */
export function firstCapacity(shape: Shape): number {
  const all = positionBytes(shape) * 2 * shape.layers;
  const power = 2 ** Math.floor(Math.log2(SMALL / all));
  return Math.min(2048, Math.max(256, power));
}

/** Keys and values of `capacity` positions, in buffers that stay where they
 * are: graphs read and write them in place. */
export class StaticCache {
  readonly capacity: number;
  readonly #device: GPUDevice;
  readonly #shape: Shape;
  readonly #buffers: GPUBuffer[] = [];

  constructor({ device }: Gpu, shape: Shape, capacity: number) {
    this.#device = device;
    this.#shape = shape;
    this.capacity = capacity;
    const size = positionBytes(shape) * capacity;
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const usage = STORAGE | COPY_SRC | COPY_DST;
    for (let i = 0; i < shape.layers * 2; i++) {
      this.#buffers.push(device.createBuffer({ label: "cache", size, usage }));
    }
  }

  /** As inputs of a graph. */
  past(): Bound {
    return this.#bound("past_key_values");
  }

  /** The same buffers as its outputs. */
  present(): Bound {
    return this.#bound("present");
  }

  /** Takes over the first `length` positions of another. */
  copyFrom(other: StaticCache, length: number): void {
    const { kvHeads } = this.#shape;
    const row = positionBytes(this.#shape) / kvHeads;
    const encoder = this.#device.createCommandEncoder({ label: "cache" });
    this.#buffers.forEach((buffer, i) => {
      const source = other.#buffers[i];
      for (let head = 0; head < kvHeads && source !== undefined; head++) {
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

  #bound(prefix: string): Bound {
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
