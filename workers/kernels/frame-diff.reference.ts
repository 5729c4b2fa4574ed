/** Tiles along each side of a frame. */
export const FRAME_DIFF_GRID = 16;

/**
 * The difference of two frames, from 0 to 1: the largest mean difference of a
 * tile over its three channels. A small moving object therefore counts as much
 * as a large one.
 *
 *     diff = max over tiles T of  1 / 3|T| · Σ |a − b|  over T
 */
export function frameDiffReference(
  a: Float32Array,
  b: Float32Array,
  size: number,
): number {
  const tile = size / FRAME_DIFF_GRID;
  const sums = new Float64Array(FRAME_DIFF_GRID ** 2);
  for (let i = 0; i < a.length; i++) {
    const column = Math.floor((i % size) / tile);
    const row = Math.floor((Math.floor(i / size) % size) / tile);
    const index = row * FRAME_DIFF_GRID + column;
    const difference = Math.abs((a[i] ?? NaN) - (b[i] ?? NaN));
    sums[index] = (sums[index] ?? NaN) + difference;
  }
  return Math.max(...sums) / (3 * tile * tile);
}
