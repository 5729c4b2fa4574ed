import { folderUrl, invalidFolder } from "../models/resolve";

/** How a worker starts; only those that start alike are shared. */
export interface WorkerStart {
  /** Another way to start the worker, for bundlers that lose it. */
  readonly worker?: (() => Worker) | undefined;
  /** Folder of ONNX Runtime's .mjs and .wasm files, if not by the worker. */
  readonly wasmPaths?: string | undefined;
  /** Asked instead of the network for the files of models. */
  readonly fetch?: typeof fetch | undefined;
}

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

/** As it is now: what it is read from may change. Throws `bad-option`. */
export function startOf({
  worker,
  wasmPaths,
  fetch,
}: WorkerStart): WorkerStart {
  if (!wasmPaths) return { worker, fetch };
  const folder = folderUrl(wasmPaths)?.href;
  if (folder !== undefined) return { worker, fetch, wasmPaths: folder };
  throw invalidFolder(
    wasmPaths,
    "that contains ONNX Runtime's .mjs and .wasm files",
  );
}

export function sameStart(a: WorkerStart, b: WorkerStart): boolean {
  return (
    a.worker === b.worker && a.wasmPaths === b.wasmPaths && a.fetch === b.fetch
  );
}
