import { at } from "../util/assert";
import type { Axis } from "./resize-geometry";

/**
 * Weights of one axis of Pillow's antialiased bicubic resize, in Pillow's own
 * fixed point (src/libImaging/Resample.c, `precompute_coeffs` and
 * `normalize_coeffs_8bpc`), so that every sum is exact in 32-bit integers.
 *
 * The black border around the image is not materialised: its weights are dropped,
 * because black adds nothing. Normalisation still counts them.
 */
export interface ResizeWeights {
  /** Index of the first image pixel that output `i` reads. */
  readonly start: Int32Array;
  /** How many pixels output `i` reads; 0 if it is black. */
  readonly count: Int32Array;
  /** `stride` weights per output, of which `count` are used. */
  readonly weights: Int32Array;
  readonly stride: number;
}

/** Fraction bits: 32 - 8 for the pixel - 2 for overshoot and sign. */
export const PRECISION_BITS = 22;

const SUPPORT = 2;
const A = -0.5;

function bicubic(x: number): number {
  const d = Math.abs(x);
  if (d < 1) return ((A + 2) * d - (A + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * A;
  return 0;
}

/** The weights of `size` outputs along `axis`. */
export function makeResizeWeights(axis: Axis, size: number): ResizeWeights {
  const { length, padded, offset, resized, first } = axis;
  const scale = padded / resized;
  const filterScale = Math.max(scale, 1);
  const support = SUPPORT * filterScale;
  const stride = Math.ceil(support) * 2 + 1;
  const start = new Int32Array(size);
  const count = new Int32Array(size);
  const weights = new Int32Array(size * stride);
  const row = new Float64Array(stride);
  for (let i = 0; i < size; i++) {
    const output = first + i;
    if (output < 0 || output >= resized) continue;
    const center = (output + 0.5) * scale;
    const min = Math.max(Math.trunc(center - support + 0.5), 0);
    const max = Math.min(Math.trunc(center + support + 0.5), padded);
    let sum = 0;
    for (let x = min; x < max; x++) {
      const weight = bicubic((x - center + 0.5) * (1 / filterScale));
      row[x - min] = weight;
      sum += weight;
    }
    const from = Math.max(min, offset);
    const to = Math.max(Math.min(max, offset + length), from);
    start[i] = Math.min(from - offset, length);
    count[i] = to - from;
    for (let x = from; x < to; x++) {
      const weight = (row[x - min] ?? NaN) / (sum === 0 ? 1 : sum);
      weights[i * stride + x - from] = toFixed(weight);
    }
  }
  return { start, count, weights, stride };
}

/** C's `(int)(±0.5 + x * 2^22)`: half away from zero. */
function toFixed(weight: number): number {
  const scaled = weight * (1 << PRECISION_BITS);
  return Math.trunc(scaled + (weight < 0 ? -0.5 : 0.5));
}

/** The range [first, end) of pixels that outputs `from` to `to` (exclusive)
 * read; [0, 0] if all are black. */
export function sourceRange(
  table: ResizeWeights,
  from: number,
  to: number,
): readonly [first: number, end: number] {
  let first = Infinity;
  let end = 0;
  for (let i = from; i < to; i++) {
    const count = at(table.count, i);
    if (count === 0) continue;
    const start = at(table.start, i);
    first = Math.min(first, start);
    end = Math.max(end, start + count);
  }
  return end === 0 ? [0, 0] : [first, end];
}
