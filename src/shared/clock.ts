/**
 * One time base for both threads, in ms: a worker's `performance.now()` counts
 * from its own start, so the origin is added.
 */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
