import { convertRows } from "../kernels/convert-rows";
import { fromHalf, toHalf } from "../util/float16";
import type { Tensor } from "./tensor-data";

/** Number types of tensors between graphs. */
export type FloatType = "float32" | "float16";

export const BYTES_PER_FLOAT: Readonly<Record<FloatType, number>> = {
  float32: 4,
  float16: 2,
};

/** Rows `from` to `to` (exclusive) of a [1, rows, width] tensor. */
export interface TensorRows {
  readonly tensor: Tensor;
  readonly from: number;
  readonly to: number;
}

export function floatTypeOf({ type }: Tensor): FloatType {
  if (type === "float32" || type === "float16") return type;
  throw new Error(`Expected a float32 or float16 tensor, got ${type}`);
}

/** Rows of a tensor in CPU memory: float32 values or float16 bits. */
export function rowsOnCpu(
  { tensor, from, to }: TensorRows,
  width: number,
  type: FloatType,
): Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> {
  const { buffer, byteOffset } = tensor.data as Float32Array<ArrayBuffer>;
  const length = (to - from) * width;
  const stored = floatTypeOf(tensor);
  const at = byteOffset + from * width * BYTES_PER_FLOAT[stored];
  if (stored === "float32") {
    const floats = new Float32Array(buffer, at, length);
    return type === "float32" ? floats : toHalf(floats);
  }
  const bits = new Uint16Array(buffer, at, length);
  return type === "float16" ? bits : fromHalf(bits);
}

export function concatOnCpu(
  parts: readonly TensorRows[],
  width: number,
  type: FloatType,
): Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> {
  const size = countRows(parts) * width;
  const all =
    type === "float32" ? new Float32Array(size) : new Uint16Array(size);
  let at = 0;
  for (const part of parts) {
    const rows = rowsOnCpu(part, width, type);
    all.set(rows, at);
    at += rows.length;
  }
  return all;
}

export function countRows(parts: readonly TensorRows[]): number {
  return parts.reduce((sum, { from, to }) => sum + to - from, 0);
}

/** A buffer with the rows of `parts`, which may be in CPU or GPU memory and of
 * either type. */
export function concatOnGpu(
  device: GPUDevice,
  parts: readonly TensorRows[],
  width: number,
  type: FloatType,
): GPUBuffer {
  const buffer = device.createBuffer({
    label: "rows",
    size:
      Math.ceil((countRows(parts) * width * BYTES_PER_FLOAT[type]) / 16) * 16,
    usage:
      GPUBufferUsage.STORAGE |
      GPUBufferUsage.COPY_SRC |
      GPUBufferUsage.COPY_DST,
  });
  writeRows(device, parts, width, type, buffer);
  return buffer;
}

/** Writes the rows of `parts` to the start of `buffer`. */
export function writeRows(
  device: GPUDevice,
  parts: readonly TensorRows[],
  width: number,
  type: FloatType,
  buffer: GPUBuffer,
): void {
  const stride = width * BYTES_PER_FLOAT[type];
  const encoder = device.createCommandEncoder({ label: "concat rows" });
  const uniforms: GPUBuffer[] = [];
  let row = 0;
  for (const part of parts) {
    const { tensor, from, to } = part;
    if (tensor.location === "cpu") {
      const rows = rowsOnCpu(part, width, type);
      device.queue.writeBuffer(buffer, row * stride, rows);
    } else if (tensor.type === type) {
      const source = tensor.gpuBuffer;
      const bytes = (to - from) * stride;
      encoder.copyBufferToBuffer(
        source,
        from * stride,
        buffer,
        row * stride,
        bytes,
      );
    } else {
      const source = tensor.gpuBuffer;
      const way = type === "float32" ? "widen" : "narrow";
      const shape = { width, rows: to - from, from, to: row };
      uniforms.push(convertRows(device, encoder, way, source, buffer, shape));
    }
    row += to - from;
  }
  device.queue.submit([encoder.finish()]);
  for (const uniform of uniforms) uniform.destroy();
}
