import { folderUrl, invalidFolder } from "../models/resolve";

/** How a worker starts. Users share a worker only if these are equal. */
export interface WorkerStart {
  /** Starts the worker, where a bundler does not include its file. */
  readonly worker?: (() => Worker) | undefined;
  /** Folder of ONNX Runtime's .mjs and .wasm files, if not beside the worker. */
  readonly wasmPaths?: string | undefined;
  /** Fetches model files instead of the network. */
  readonly fetch?: typeof fetch | undefined;
}

/** Bundlers recognise `new Worker(new URL(…))` only as one expression; the build
 * of the package replaces the file. */
let start = (): Worker =>
  new Worker(new URL("../../workers/vlm.worker.ts", import.meta.url), {
    type: "module",
  });

export function startWorker(): Worker {
  return start();
}

/** Replaces the way workers start, for builds that load them across origins. */
export function startWorkersBy(other: () => Worker): void {
  start = other;
}

/** A snapshot, because properties of an element may change. Throws `bad-option`. */
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
