import type * as Ort from "onnxruntime-web";
import type { Gpu } from "./device";

export type { Tensor } from "onnxruntime-web";
type Tensor = Ort.Tensor;

/** Rows `from` to `to` of a [1, rows, width] tensor. */
export interface Rows {
  readonly tensor: Tensor;
  readonly from: number;
  readonly to: number;
}

const FLOAT_BYTES = 4;

/**
 * Makes tensors where the graphs run, so that the stages need not know where
 * that is. Whoever asks for a tensor disposes of it.
 */
export class Memory {
  readonly gpu: Gpu | undefined;
  readonly #ort: typeof Ort;
  #readback: GPUBuffer | undefined;

  constructor(ort: typeof Ort, gpu: Gpu | undefined) {
    this.#ort = ort;
    this.gpu = gpu;
  }

  int64(values: readonly number[]): Tensor {
    const data = BigInt64Array.from(values, BigInt);
    return new this.#ort.Tensor("int64", data, [1, values.length]);
  }

  /** A tensor without elements: what precedes the first token. */
  empty(type: "float32" | "float16", dims: readonly number[]): Tensor {
    return type === "float32"
      ? new this.#ort.Tensor(type, new Float32Array(0), dims)
      : new this.#ort.Tensor(type, new Uint16Array(0), dims);
  }

  floats(data: Float32Array, dims: readonly number[]): Tensor {
    return new this.#ort.Tensor("float32", data, dims);
  }

  /** A view of `buffer`, which stays its owner's. */
  onBuffer(buffer: GPUBuffer, dims: readonly number[]): Tensor {
    return this.#ort.Tensor.fromGpuBuffer(buffer, {
      dataType: "float32",
      dims,
    });
  }

  /** The parts below one another, as one [1, rows, width] tensor. */
  concatRows(parts: readonly Rows[], width: number): Tensor {
    const rows = parts.reduce((sum, part) => sum + part.to - part.from, 0);
    const dims = [1, rows, width];
    return this.gpu === undefined
      ? this.floats(concatOnCpu(parts, rows, width), dims)
      : this.#concatOnGpu(this.gpu.device, parts, dims);
  }

  #concatOnGpu(
    device: GPUDevice,
    parts: readonly Rows[],
    dims: readonly number[],
  ): Tensor {
    const [, rows = 0, width = 0] = dims;
    const stride = width * FLOAT_BYTES;
    const buffer = device.createBuffer({
      label: "inputs_embeds",
      size: rows * stride,
      usage:
        GPUBufferUsage.STORAGE |
        GPUBufferUsage.COPY_SRC |
        GPUBufferUsage.COPY_DST,
    });
    const encoder = device.createCommandEncoder({ label: "concat rows" });
    let at = 0;
    for (const { tensor, from, to } of parts) {
      const bytes = (to - from) * stride;
      const source = tensor.gpuBuffer;
      encoder.copyBufferToBuffer(source, from * stride, buffer, at, bytes);
      at += bytes;
    }
    device.queue.submit([encoder.finish()]);
    return this.#ort.Tensor.fromGpuBuffer(buffer, {
      dataType: "float32",
      dims,
      dispose: () => {
        buffer.destroy();
      },
    });
  }

  /** The last row of a [1, rows, width] tensor, and nothing else of it. */
  async lastRow(tensor: Tensor): Promise<Float32Array> {
    const [, rows = 0, width = 0] = tensor.dims;
    const first = (rows - 1) * width;
    if (this.gpu === undefined) {
      return (tensor.data as Float32Array).slice(first, first + width);
    }
    const { device } = this.gpu;
    const size = width * FLOAT_BYTES;
    const readback = this.#readbackOf(device, size);
    const encoder = device.createCommandEncoder({ label: "last row" });
    const source = tensor.gpuBuffer;
    encoder.copyBufferToBuffer(source, first * FLOAT_BYTES, readback, 0, size);
    device.queue.submit([encoder.finish()]);
    await this.gpu.guard(readback.mapAsync(GPUMapMode.READ));
    const row = new Float32Array(readback.getMappedRange()).slice();
    readback.unmap();
    this.gpu.check();
    return row;
  }

  /** Resolves when the GPU has done all that was submitted so far. */
  async settle(): Promise<void> {
    await this.gpu?.guard(this.gpu.device.queue.onSubmittedWorkDone());
    this.gpu?.check();
  }

  dispose(): void {
    this.#readback?.destroy();
    this.#readback = undefined;
  }

  #readbackOf(device: GPUDevice, size: number): GPUBuffer {
    if (
      this.#readback?.size !== size ||
      this.#readback.mapState !== "unmapped"
    ) {
      this.#readback?.destroy();
      this.#readback = device.createBuffer({
        label: "last row",
        size,
        usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
      });
    }
    return this.#readback;
  }
}

function concatOnCpu(
  parts: readonly Rows[],
  rows: number,
  width: number,
): Float32Array {
  const all = new Float32Array(rows * width);
  let at = 0;
  for (const { tensor, from, to } of parts) {
    const data = tensor.data as Float32Array;
    all.set(data.subarray(from * width, to * width), at);
    at += (to - from) * width;
  }
  return all;
}
