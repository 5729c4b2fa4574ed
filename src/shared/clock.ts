/** Milliseconds since the epoch, monotonic and the same on both threads: a
 * worker's `performance.now()` counts from the start of the worker. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}
