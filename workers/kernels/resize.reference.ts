import { columnsFirst, type Geometry } from "./resize-geometry";
import {
  makeResizeWeights,
  PRECISION_BITS,
  sourceRange,
  type ResizeWeights,
} from "./resize-weights";

/** Reads a rectangle of RGBA pixels, blended with the background. */
export type PixelReader = (
  x: number,
  y: number,
  width: number,
  height: number,
) => Uint8ClampedArray | Uint8Array;

/** Pixels are read in bands of about this many, to avoid a full copy. */
const BAND_PIXELS = 1 << 21;

const HALF = 1 << (PRECISION_BITS - 1);

function clip8(sum: number): number {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/**
 * Resizes an image to a square like Pillow's BICUBIC, as planes R, G, B of floats
 * from 0 to 1. Reads only the pixels that the square shows.
 *
 * Two passes, each rounded to 8 bits: along lines, which are rows, or columns if
 * these come first; then across them. Used without a GPU, and as the reference
 * for resize.ts.
 */
export function resizeToPlanes(
  read: PixelReader,
  geometry: Geometry,
): Float32Array<ArrayBuffer> {
  const { size } = geometry;
  const turned = columnsFirst(geometry);
  const along = makeResizeWeights(turned ? geometry.y : geometry.x, size);
  const across = makeResizeWeights(turned ? geometry.x : geometry.y, size);
  const [start, end] = sourceRange(along, 0, size);
  const [top, bottom] = sourceRange(across, 0, size);
  const length = end - start;
  const narrow = new Uint8Array(size * (bottom - top) * 3);
  const band = Math.max(1, Math.floor(BAND_PIXELS / Math.max(length, 1)));
  for (let from = top; from < bottom && length > 0; from += band) {
    const lines = Math.min(band, bottom - from);
    const pixels = turned
      ? read(from, start, lines, length)
      : read(start, from, length, lines);
    const [step, lineStep] = turned ? [lines * 4, 4] : [4, length * 4];
    for (let line = 0; line < lines; line++) {
      const out = narrow.subarray((from - top + line) * size * 3);
      const first = line * lineStep - start * step;
      shrinkLine(pixels, first, step, along, out, size);
    }
  }
  return shrinkAcross(narrow, top, across, size, turned);
}

/** `first`: index of pixel 0 of the line, which may be outside of `pixels`. */
function shrinkLine(
  pixels: Uint8ClampedArray | Uint8Array,
  first: number,
  step: number,
  table: ResizeWeights,
  out: Uint8Array,
  size: number,
): void {
  for (let i = 0; i < size; i++) {
    const count = table.count[i] ?? NaN;
    let at = first + (table.start[i] ?? NaN) * step;
    let r = HALF;
    let g = HALF;
    let b = HALF;
    for (let k = 0; k < count; k++, at += step) {
      const weight = table.weights[i * table.stride + k] ?? NaN;
      r += (pixels[at] ?? NaN) * weight;
      g += (pixels[at + 1] ?? NaN) * weight;
      b += (pixels[at + 2] ?? NaN) * weight;
    }
    out[i * 3] = clip8(r);
    out[i * 3 + 1] = clip8(g);
    out[i * 3 + 2] = clip8(b);
  }
}

function shrinkAcross(
  narrow: Uint8Array,
  top: number,
  table: ResizeWeights,
  size: number,
  turned: boolean,
): Float32Array<ArrayBuffer> {
  const planes = new Float32Array(3 * size * size);
  const sums = new Int32Array(size * 3);
  const [step, lineStep] = turned ? [size, 1] : [1, size];
  for (let line = 0; line < size; line++) {
    sums.fill(HALF);
    const count = table.count[line] ?? NaN;
    const start = (table.start[line] ?? NaN) - top;
    for (let k = 0; k < count; k++) {
      const weight = table.weights[line * table.stride + k] ?? NaN;
      const from = (start + k) * size * 3;
      for (let i = 0; i < sums.length; i++) {
        sums[i] = (sums[i] ?? NaN) + (narrow[from + i] ?? NaN) * weight;
      }
    }
    for (let i = 0; i < sums.length; i++) {
      const plane = (i % 3) * size * size;
      const at = plane + line * lineStep + Math.floor(i / 3) * step;
      planes[at] = clip8(sums[i] ?? NaN) / 255;
    }
  }
  return planes;
}
