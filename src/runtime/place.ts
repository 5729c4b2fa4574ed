import type { Lease } from "./lease";
import { folderAddress, noFolder } from "../models/resolve";
import { Runtime, type WorkerStart } from "./runtime";

/** What keeps a worker alive. */
interface Keep {
  readonly lease: Lease;
  /** It uses or awaits a model there; otherwise it is there for one call. */
  readonly lives: boolean;
}

/** One worker, and for whom it is there. */
export class Place {
  readonly start: WorkerStart;
  readonly runtime: Runtime;
  readonly #keeps = new Set<Keep>();
  readonly #onEmpty: () => void;

  constructor(start: WorkerStart, onEmpty: () => void) {
    this.start = start;
    this.#onEmpty = onEmpty;
    this.runtime = new Runtime({
      ...start,
      onProgress: (event) => this.#tell((lease) => lease.hear(this, event)),
      onReady: (info) => this.#tell((lease) => lease.arrive(this, info)),
      onLost: (reason) => this.#tell((lease) => lease.lose(this, reason)),
    });
  }

  isOnlyFor(lease: Lease): boolean {
    return [...this.#keeps].every(
      (keep) => keep.lease === lease || !keep.lives,
    );
  }

  /** Keeps the worker until the function returned is called. */
  keep(lease: Lease, lives: boolean): () => void {
    const keep: Keep = { lease, lives };
    this.#keeps.add(keep);
    return () => {
      if (!this.#keeps.delete(keep) || this.#keeps.size > 0) return;
      this.#onEmpty();
      this.runtime.dispose();
    };
  }

  #tell(news: (lease: Lease) => void): void {
    new Set([...this.#keeps].map(({ lease }) => lease)).forEach(news);
  }
}

/** As it is now: what it is read from may change. Throws `bad-option`. */
export function startOf({
  worker,
  wasmPaths,
  fetch,
}: WorkerStart): WorkerStart {
  if (!wasmPaths) return { worker, fetch };
  const folder = folderAddress(wasmPaths)?.href;
  if (folder !== undefined) return { worker, fetch, wasmPaths: folder };
  throw noFolder(wasmPaths, "ONNX Runtime's .mjs and .wasm files are.");
}

export function sameStart(a: WorkerStart, b: WorkerStart): boolean {
  return (
    a.worker === b.worker && a.wasmPaths === b.wasmPaths && a.fetch === b.fetch
  );
}
