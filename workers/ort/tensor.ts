import type * as Ort from "onnxruntime-web";
import type { Gpu } from "./device";
import { fromHalf } from "../util/float16";
import {
  BYTES,
  concatOnCpu,
  concatOnGpu,
  countRows,
  floatTypeOf,
  rowsOnCpu,
  type Float,
  type Rows,
} from "./rows";

export type { Tensor } from "onnxruntime-web";
type Tensor = Ort.Tensor;

export type { Float, Rows };

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
  empty(type: Float, dims: readonly number[]): Tensor {
    return type === "float32"
      ? this.floats(new Float32Array(0), dims)
      : this.floats(new Uint16Array(0), dims);
  }

  /** Of floats, or of the bits of halves. */
  floats(data: Float32Array | Uint16Array, dims: readonly number[]): Tensor {
    return data instanceof Float32Array
      ? new this.#ort.Tensor("float32", data, dims)
      : new this.#ort.Tensor("float16", data, dims);
  }

  /** A view of `buffer`, which stays its owner's. */
  onBuffer(
    buffer: GPUBuffer,
    dims: readonly number[],
    type: Float = "float32",
  ): Tensor {
    return this.#ort.Tensor.fromGpuBuffer(buffer, { dataType: type, dims });
  }

  /**
   * The parts below one another, as one [1, rows, width] tensor: of halves if
   * all of them are. They may be on the GPU and on the processor.
   */
  concatRows(parts: readonly Rows[], width: number): Tensor {
    const half = parts.every(({ tensor }) => tensor.type === "float16");
    return this.#rows(parts, width, half ? "float16" : "float32");
  }

  /** The same numbers, rounded where that cannot be helped. */
  cast(tensor: Tensor, type: Float): Tensor {
    const { dims, size } = tensor;
    const width = dims.at(-1) ?? 1;
    const all = { tensor, from: 0, to: size / width };
    return this.#rows([all], width, type, dims);
  }

  #rows(
    parts: readonly Rows[],
    width: number,
    type: Float,
    dims: readonly number[] = [1, countRows(parts), width],
  ): Tensor {
    if (this.gpu === undefined) {
      return this.floats(concatOnCpu(parts, width, type), dims);
    }
    const buffer = concatOnGpu(this.gpu.device, parts, width, type);
    return this.ofBuffer(buffer, type, dims);
  }

  /** A tensor whose buffer ends with it. */
  ofBuffer(buffer: GPUBuffer, type: Float, dims: readonly number[]): Tensor {
    return this.#ort.Tensor.fromGpuBuffer(buffer, {
      dataType: type,
      dims,
      dispose: () => {
        buffer.destroy();
      },
    });
  }

  /** The last row of a [1, rows, width] tensor, and nothing else of it. */
  lastRow(tensor: Tensor): Promise<Float32Array> {
    const rows = tensor.dims[1] ?? 0;
    return this.#read({ tensor, from: rows - 1, to: rows });
  }

  /** All of a [1, rows, width] tensor, for once: no buffer is kept for it. */
  async numbers(tensor: Tensor): Promise<Float32Array> {
    try {
      return await this.#read({ tensor, from: 0, to: tensor.dims[1] ?? 0 });
    } finally {
      this.dispose();
    }
  }

  async #read({ tensor, from, to }: Rows): Promise<Float32Array> {
    const width = tensor.dims[2] ?? 0;
    const type = floatTypeOf(tensor);
    if (this.gpu === undefined || tensor.location === "cpu") {
      const rows = rowsOnCpu({ tensor, from, to }, width, "float32");
      return new Float32Array(rows);
    }
    const { device } = this.gpu;
    const count = (to - from) * width;
    const bytes = count * BYTES[type];
    const first = from * width * BYTES[type];
    // Copies begin and end at multiples of 4 bytes, halves need not.
    const start = first - (first % 4);
    const size = Math.ceil((first + bytes) / 4) * 4 - start;
    const readback = this.#readbackOf(device, size);
    const encoder = device.createCommandEncoder({ label: "last row" });
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

  /** Resolves when the GPU has done all that was submitted so far. */
  async settle(): Promise<void> {
    await this.gpu?.guard(this.gpu.device.queue.onSubmittedWorkDone());
    await this.gpu?.told();
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
