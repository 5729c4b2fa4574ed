/**
 * Starts the model's worker. `new Worker(new URL(…))` is one expression, since
 * bundlers look for just that; the package's build puts its own file there.
 */
let start = (): Worker =>
  new Worker(new URL("../../workers/vlm.worker.ts", import.meta.url), {
    type: "module",
  });

export function startWorker(): Worker {
  return start();
}

/** For the file that comes from anywhere: another way to start workers. */
export function startWorkersBy(other: () => Worker): void {
  start = other;
}
