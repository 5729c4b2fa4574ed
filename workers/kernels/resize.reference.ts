import { makeTaps, PRECISION_BITS, type Taps } from "./taps";

/** RGBA pixels, read a band of whole rows at a time. */
export interface PixelSource {
  readonly width: number;
  readonly height: number;
  /** Rows `from` to `to` (exclusive), opaque or already on black. */
  rows(from: number, to: number): Uint8ClampedArray | Uint8Array;
}

/** A band holds about this many pixels, so that no full copy is made. */
const BAND_PIXELS = 1 << 21;

const HALF = 1 << (PRECISION_BITS - 1);

function clip8(sum: number): number {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/**
 * A picture, centred on a black square and resized to `side` as Pillow's
 * BICUBIC does it, as planes R, G, B of `side`² floats in 0..1.
 *
 * Two passes, horizontal first, each rounded to 8 bits. This is what
 * `resize.ts` is tested against, and the path taken without a GPU.
 */
export function resizeToPlanes(
  source: PixelSource,
  side: number,
): Float32Array {
  const { width, height } = source;
  const square = Math.max(width, height);
  const narrow = new Uint8Array(side * height * 3);
  const tapsX = makeTaps(width, square, side);
  const band = Math.max(1, Math.floor(BAND_PIXELS / width));
  for (let from = 0; from < height; from += band) {
    const to = Math.min(from + band, height);
    const rows = source.rows(from, to);
    for (let y = from; y < to; y++) {
      const row = rows.subarray((y - from) * width * 4);
      shrinkRow(row, tapsX, narrow.subarray(y * side * 3), side);
    }
  }
  return shrinkColumns(narrow, makeTaps(height, square, side), side);
}

function shrinkRow(
  row: Uint8ClampedArray | Uint8Array,
  taps: Taps,
  out: Uint8Array,
  side: number,
): void {
  for (let x = 0; x < side; x++) {
    const count = taps.count[x] ?? 0;
    let at = (taps.start[x] ?? 0) * 4;
    let r = HALF;
    let g = HALF;
    let b = HALF;
    for (let k = 0; k < count; k++, at += 4) {
      const weight = taps.weights[x * taps.stride + k] ?? 0;
      r += (row[at] ?? 0) * weight;
      g += (row[at + 1] ?? 0) * weight;
      b += (row[at + 2] ?? 0) * weight;
    }
    out[x * 3] = clip8(r);
    out[x * 3 + 1] = clip8(g);
    out[x * 3 + 2] = clip8(b);
  }
}

function shrinkColumns(
  narrow: Uint8Array,
  taps: Taps,
  side: number,
): Float32Array {
  const planes = new Float32Array(3 * side * side);
  const sums = new Int32Array(side * 3);
  for (let y = 0; y < side; y++) {
    sums.fill(HALF);
    const count = taps.count[y] ?? 0;
    const start = taps.start[y] ?? 0;
    for (let k = 0; k < count; k++) {
      const weight = taps.weights[y * taps.stride + k] ?? 0;
      const from = (start + k) * side * 3;
      for (let i = 0; i < sums.length; i++) {
        sums[i] = (sums[i] ?? 0) + (narrow[from + i] ?? 0) * weight;
      }
    }
    for (let i = 0; i < sums.length; i++) {
      const plane = (i % 3) * side * side;
      planes[plane + y * side + Math.floor(i / 3)] = clip8(sums[i] ?? 0) / 255;
    }
  }
  return planes;
}
