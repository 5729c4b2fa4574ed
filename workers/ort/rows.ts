import type { Tensor } from "onnxruntime-web";
import { convertRows } from "../kernels/convert-rows";
import { fromHalf, toHalf } from "../util/float16";

/** Types of numbers that the graphs exchange. */
export type Float = "float32" | "float16";

export const BYTES: Readonly<Record<Float, number>> = {
  float32: 4,
  float16: 2,
};

/** Rows `from` to `to` of a [1, rows, width] tensor of floats. */
export interface Rows {
  readonly tensor: Tensor;
  readonly from: number;
  readonly to: number;
}

export function floatTypeOf({ type }: Tensor): Float {
  if (type === "float32" || type === "float16") return type;
  throw new Error(`A tensor of ${type} is none of floats`);
}

/** Rows of a tensor on the processor: floats, or the bits of halves. */
export function rowsOnCpu(
  { tensor, from, to }: Rows,
  width: number,
  type: Float,
): Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> {
  const { buffer, byteOffset } = tensor.data as Float32Array<ArrayBuffer>;
  const length = (to - from) * width;
  const stored = floatTypeOf(tensor);
  const at = byteOffset + from * width * BYTES[stored];
  if (stored === "float32") {
    const floats = new Float32Array(buffer, at, length);
    return type === "float32" ? floats : toHalf(floats);
  }
  const bits = new Uint16Array(buffer, at, length);
  return type === "float16" ? bits : fromHalf(bits);
}

export function concatOnCpu(
  parts: readonly Rows[],
  width: number,
  type: Float,
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

export function countRows(parts: readonly Rows[]): number {
  return parts.reduce((sum, { from, to }) => sum + to - from, 0);
}

/** A buffer of `parts`, each from where it is and in whatever type it is. */
export function concatOnGpu(
  device: GPUDevice,
  parts: readonly Rows[],
  width: number,
  type: Float,
): GPUBuffer {
  const buffer = device.createBuffer({
    label: "rows",
    size: Math.ceil((countRows(parts) * width * BYTES[type]) / 16) * 16,
    usage:
      GPUBufferUsage.STORAGE |
      GPUBufferUsage.COPY_SRC |
      GPUBufferUsage.COPY_DST,
  });
  writeRows(device, parts, width, type, buffer);
  return buffer;
}

/** The same, from the start of `buffer` on. */
export function writeRows(
  device: GPUDevice,
  parts: readonly Rows[],
  width: number,
  type: Float,
  buffer: GPUBuffer,
): void {
  const stride = width * BYTES[type];
  const encoder = device.createCommandEncoder({ label: "concat rows" });
  const places: GPUBuffer[] = [];
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
      places.push(convertRows(device, encoder, way, source, buffer, shape));
    }
    row += to - from;
  }
  device.queue.submit([encoder.finish()]);
  for (const place of places) place.destroy();
}
