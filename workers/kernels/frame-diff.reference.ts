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
  let i = 0;
  for (let line = 0; line < 3 * size; line++) {
    const row = Math.floor((line % size) / tile);
    for (let column = 0; column < FRAME_DIFF_GRID; column++) {
      let sum = 0;
      for (const end = i + tile; i < end; i++) {
        sum += Math.abs((a[i] ?? NaN) - (b[i] ?? NaN));
      }
      const index = row * FRAME_DIFF_GRID + column;
      sums[index] = (sums[index] ?? NaN) + sum;
    }
  }
  return Math.max(...sums) / (3 * tile * tile);
}
