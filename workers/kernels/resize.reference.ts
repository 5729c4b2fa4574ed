import { columnsFirst, type Geometry } from "./geometry";
import {
  makeResizeWeights,
  PRECISION_BITS,
  sourceRange,
  type ResizeWeights,
} from "./resize-weights";

/** RGBA pixels, read a rectangle at a time; opaque or already on black. */
export type PixelReader = (
  x: number,
  y: number,
  width: number,
  height: number,
) => Uint8ClampedArray | Uint8Array;

/** A band holds about this many pixels, so that there is no full copy. */
const BAND_PIXELS = 1 << 21;

const HALF = 1 << (PRECISION_BITS - 1);

function clip8(sum: number): number {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/**
 * A picture brought to a square as Pillow's BICUBIC does it, as planes R, G, B
 * of floats in 0..1. Reads only what the square shows.
 *
 * Two passes, each rounded to 8 bits: along lines, which are rows or, where
 * columns come first, columns; then across them. This is what `resize.ts` is
 * tested against, and the path taken without a GPU.
 */
export function resizeToPlanes(
  read: PixelReader,
  geometry: Geometry,
): Float32Array<ArrayBuffer> {
  const { side } = geometry;
  const turned = columnsFirst(geometry);
  const along = makeResizeWeights(turned ? geometry.y : geometry.x, side);
  const across = makeResizeWeights(turned ? geometry.x : geometry.y, side);
  const [start, end] = sourceRange(along, 0, side);
  const [top, bottom] = sourceRange(across, 0, side);
  const length = end - start;
  const narrow = new Uint8Array(side * (bottom - top) * 3);
  const band = Math.max(1, Math.floor(BAND_PIXELS / Math.max(length, 1)));
  for (let from = top; from < bottom && length > 0; from += band) {
    const lines = Math.min(band, bottom - from);
    const pixels = turned
      ? read(from, start, lines, length)
      : read(start, from, length, lines);
    const [step, lineStep] = turned ? [lines * 4, 4] : [4, length * 4];
    for (let line = 0; line < lines; line++) {
      const out = narrow.subarray((from - top + line) * side * 3);
      const first = line * lineStep - start * step;
      shrinkLine(pixels, first, step, along, out, side);
    }
  }
  return shrinkAcross(narrow, top, across, side, turned);
}

/** `first` is where pixel 0 of the line would be. */
function shrinkLine(
  pixels: Uint8ClampedArray | Uint8Array,
  first: number,
  step: number,
  taps: ResizeWeights,
  out: Uint8Array,
  side: number,
): void {
  for (let i = 0; i < side; i++) {
    const count = taps.count[i] ?? 0;
    let at = first + (taps.start[i] ?? 0) * step;
    let r = HALF;
    let g = HALF;
    let b = HALF;
    for (let k = 0; k < count; k++, at += step) {
      const weight = taps.weights[i * taps.stride + k] ?? 0;
      r += (pixels[at] ?? 0) * weight;
      g += (pixels[at + 1] ?? 0) * weight;
      b += (pixels[at + 2] ?? 0) * weight;
    }
    out[i * 3] = clip8(r);
    out[i * 3 + 1] = clip8(g);
    out[i * 3 + 2] = clip8(b);
  }
}

function shrinkAcross(
  narrow: Uint8Array,
  top: number,
  taps: ResizeWeights,
  side: number,
  turned: boolean,
): Float32Array<ArrayBuffer> {
  const planes = new Float32Array(3 * side * side);
  const sums = new Int32Array(side * 3);
  const [step, lineStep] = turned ? [side, 1] : [1, side];
  for (let line = 0; line < side; line++) {
    sums.fill(HALF);
    const count = taps.count[line] ?? 0;
    const start = (taps.start[line] ?? 0) - top;
    for (let k = 0; k < count; k++) {
      const weight = taps.weights[line * taps.stride + k] ?? 0;
      const from = (start + k) * side * 3;
      for (let i = 0; i < sums.length; i++) {
        sums[i] = (sums[i] ?? 0) + (narrow[from + i] ?? 0) * weight;
      }
    }
    for (let i = 0; i < sums.length; i++) {
      const plane = (i % 3) * side * side;
      const at = plane + line * lineStep + Math.floor(i / 3) * step;
      planes[at] = clip8(sums[i] ?? 0) / 255;
    }
  }
  return planes;
}
