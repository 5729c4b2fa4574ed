/** Tiles along each side of the square. */
export const GRID = 16;

/**
 * How much a picture has changed, 0 to 1: the mean difference of a tile over
 * its three channels, the largest of the GRID² tiles. A small thing that moves
 * counts as much in an empty room as in a full one.
 *
 *     change = max over tiles T of  1 / 3|T| · Σ |now − before|  over T
 */
export function changeOf(
  now: Float32Array,
  before: Float32Array,
  side: number,
): number {
  const tile = side / GRID;
  const sums = new Float64Array(GRID * GRID);
  for (let i = 0; i < now.length; i++) {
    const column = Math.floor((i % side) / tile);
    const row = Math.floor((Math.floor(i / side) % side) / tile);
    const at = row * GRID + column;
    const difference = Math.abs((now[i] ?? 0) - (before[i] ?? 0));
    sums[at] = (sums[at] ?? 0) + difference;
  }
  return Math.max(...sums) / (3 * tile * tile);
}
