import type { Gpu } from "./device";
import { at } from "../util/assert";
import { fromHalf } from "../util/float16";
import {
  BYTES_PER_FLOAT,
  concatOnCpu,
  concatOnGpu,
  countRows,
  floatTypeOf,
  rowsOnCpu,
  type FloatType,
  type TensorRows,
} from "./tensor-rows";
import { Tensor } from "./tensor-data";

export { Tensor };
export type { FloatType, TensorRows };

/**
 * Creates tensors where the graphs run: in CPU memory or on the GPU. The caller
 * disposes of them.
 */
export class Tensors {
  readonly gpu: Gpu | undefined;
  #readback: GPUBuffer | undefined;

  constructor(gpu: Gpu | undefined) {
    this.gpu = gpu;
  }

  int64(
    values: readonly number[],
    dims: readonly number[] = [1, values.length],
  ): Tensor {
    const data = BigInt64Array.from(values, BigInt);
    return new Tensor("int64", { data }, dims);
  }

  bool(value: boolean, dims: readonly number[]): Tensor {
    return new Tensor("bool", { data: Uint8Array.of(Number(value)) }, dims);
  }

  /** A tensor without elements, e.g. an empty KV cache. */
  empty(type: FloatType, dims: readonly number[]): Tensor {
    return type === "float32"
      ? this.floats(new Float32Array(0), dims)
      : this.floats(new Uint16Array(0), dims);
  }

  /** A tensor of float32 values or float16 bits. */
  floats(data: Float32Array | Uint16Array, dims: readonly number[]): Tensor {
    const type = data instanceof Float32Array ? "float32" : "float16";
    return new Tensor(type, { data }, dims);
  }

  /** A view of `buffer`; disposing of it does not destroy the buffer. */
  onBuffer(
    gpuBuffer: GPUBuffer,
    dims: readonly number[],
    type: FloatType = "float32",
  ): Tensor {
    return new Tensor(type, { gpuBuffer }, dims);
  }

  /** Concatenates rows to [1, rows, width]: float16 if all parts are, else
   * float32. Parts may be in CPU or GPU memory. */
  concatRows(parts: readonly TensorRows[], width: number): Tensor {
    const half = parts.every(({ tensor }) => tensor.type === "float16");
    return this.#rows(parts, width, half ? "float16" : "float32");
  }

  /** A copy of `tensor` in another type. */
  cast(tensor: Tensor, type: FloatType): Tensor {
    const { dims, size } = tensor;
    const width = at(dims, -1);
    const all = { tensor, from: 0, to: size / width };
    return this.#rows([all], width, type, dims);
  }

  #rows(
    parts: readonly TensorRows[],
    width: number,
    type: FloatType,
    dims: readonly number[] = [1, countRows(parts), width],
  ): Tensor {
    if (this.gpu === undefined) {
      return this.floats(concatOnCpu(parts, width, type), dims);
    }
    const buffer = concatOnGpu(this.gpu.device, parts, width, type);
    return this.ofBuffer(buffer, type, dims);
  }

  /** A tensor that owns `buffer`. */
  ofBuffer(
    buffer: GPUBuffer,
    type: FloatType,
    dims: readonly number[],
  ): Tensor {
    const dispose = (): void => buffer.destroy();
    return new Tensor(type, { gpuBuffer: buffer, dispose }, dims);
  }

  /** Reads the last row of a [1, rows, width] tensor. */
  lastRow(tensor: Tensor): Promise<Float32Array> {
    const rows = at(tensor.dims, 1);
    return this.#read({ tensor, from: rows - 1, to: rows });
  }

  /** Reads a whole [1, rows, width] tensor and frees the readback buffer. */
  async numbers(tensor: Tensor): Promise<Float32Array> {
    try {
      return await this.#read({ tensor, from: 0, to: at(tensor.dims, 1) });
    } finally {
      this.dispose();
    }
  }

  async #read({ tensor, from, to }: TensorRows): Promise<Float32Array> {
    const width = at(tensor.dims, 2);
    const type = floatTypeOf(tensor);
    if (this.gpu === undefined || tensor.location === "cpu") {
      const rows = rowsOnCpu({ tensor, from, to }, width, "float32");
      return new Float32Array(rows);
    }
    const { device } = this.gpu;
    const count = (to - from) * width;
    const bytes = count * BYTES_PER_FLOAT[type];
    const first = from * width * BYTES_PER_FLOAT[type];
    // Buffer copies are aligned to 4 bytes, float16 rows may not be.
    const start = first - (first % 4);
    const size = Math.ceil((first + bytes) / 4) * 4 - start;
    const readback = this.#readbackBuffer(device, size);
    const encoder = device.createCommandEncoder({ label: "readback" });
    encoder.copyBufferToBuffer(tensor.gpuBuffer, start, readback, 0, size);
    device.queue.submit([encoder.finish()]);
    await this.gpu.guard(readback.mapAsync(GPUMapMode.READ));
    const mapped = readback.getMappedRange().slice(first - start);
    readback.unmap();
    this.gpu.check();
    return type === "float32"
      ? new Float32Array(mapped, 0, count)
      : fromHalf(new Uint16Array(mapped, 0, count));
  }

  /** Resolves when the GPU has finished all submitted work. */
  async settle(): Promise<void> {
    await this.gpu?.guard(this.gpu.device.queue.onSubmittedWorkDone());
    await this.gpu?.watchesDone();
    this.gpu?.check();
  }

  dispose(): void {
    this.#readback?.destroy();
    this.#readback = undefined;
  }

  #readbackBuffer(device: GPUDevice, size: number): GPUBuffer {
    if (
      this.#readback?.size !== size ||
      this.#readback.mapState !== "unmapped"
    ) {
      this.#readback?.destroy();
      this.#readback = device.createBuffer({
        label: "readback",
        size,
        usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
      });
    }
    return this.#readback;
  }
}
