import { at } from "../util/assert";
import type { MatMulQ4Shape } from "./matmul-q4";

/** Weights in the layout of ONNX Runtime's MatMulNBits. */
export interface Q4Weights {
  /** [columns][blocks][blockSize / 2] */
  readonly packed: Uint8Array<ArrayBuffer>;
  /** [columns][blocks] */
  readonly scales: Float32Array<ArrayBuffer>;
  /** [columns][ceil(blocks / 2)] */
  readonly zeros: Uint8Array<ArrayBuffer>;
}

type WeightShape = Pick<
  MatMulQ4Shape,
  "inner" | "columns" | "blockSize" | "zeros"
>;

/** The weights as numbers: [columns][inner]. */
export function dequantizedReference(
  { inner, columns, blockSize, zeros }: WeightShape,
  weights: Q4Weights,
): Float32Array<ArrayBuffer> {
  const blocks = Math.ceil(inner / blockSize);
  const rowBytes = Math.ceil(blocks / 2);
  const half = (bytes: Uint8Array, from: number, i: number): number =>
    (at(bytes, from + (i >> 1)) >> (4 * (i % 2))) & 15;
  return Float32Array.from({ length: columns * inner }, (_, i) => {
    const [column, k] = [Math.floor(i / inner), i % inner];
    const block = Math.floor(k / blockSize);
    const from = (column * blocks * blockSize) / 2;
    const q = half(weights.packed, from, k);
    const zero = zeros ? half(weights.zeros, column * rowBytes, block) : 8;
    return (q - zero) * at(weights.scales, column * blocks + block);
  });
}

/** The product of matmul-q4.wgsl, by its formula. */
export function matMulQ4Reference(
  shape: MatMulQ4Shape,
  x: Float32Array,
  weights: Q4Weights,
  bias: Float32Array,
): Float32Array {
  const { rows, inner, columns } = shape;
  const w = dequantizedReference(shape, weights);
  return Float32Array.from({ length: rows * columns }, (_, i) => {
    const [row, column] = [Math.floor(i / columns), i % columns];
    let sum = shape.bias ? at(bias, column) : 0;
    for (let k = 0; k < inner; k++) {
      sum += at(x, row * inner + k) * at(w, column * inner + k);
    }
    return sum;
  });
}
