import { WorkerEntry, type WorkerUser } from "./worker-entry";
import { sameStart, startOf, type WorkerStart } from "./start-worker";
import type { LoadOptions } from "../shared/protocol";

/**
 * Who shares which worker, on the whole page: users of the same model have one
 * worker and one set of weights. The first to need a worker starts it, the last
 * to leave it ends it.
 */
export class WorkerPool {
  readonly #places = new Set<WorkerEntry>();

  /** What is known of a model without asking a worker. */
  stateOf(
    start: WorkerStart,
    options: LoadOptions,
  ): "loaded" | "loading" | undefined {
    const places = this.#startedLike(startOf(start));
    if (places.some(({ runtime }) => runtime.has(options))) return "loaded";
    const isLoading = places.some(
      ({ runtime }) => runtime.progress && runtime.wants(options),
    );
    return isLoading ? "loading" : undefined;
  }

  /**
   * Where a tenant loads a model: where it is already, or on its way; else in
   * the tenant's own place, unless others are there, too; else in a new one.
   */
  placeFor(
    tenant: WorkerUser,
    start: WorkerStart,
    options: LoadOptions,
  ): WorkerEntry {
    const places = this.#startedLike(start);
    return (
      places.find(({ runtime }) => runtime.wants(options)) ??
      places.find(
        (place) => place === tenant.place && place.isOnlyFor(tenant),
      ) ??
      places.find(({ runtime }) => runtime.vacant) ??
      this.open(start)
    );
  }

  /** A place of any model, for what needs none; preferably the tenant's own. */
  anyPlace(tenant: WorkerUser, start: WorkerStart): WorkerEntry | undefined {
    const places = this.#startedLike(start);
    return places.find((place) => place === tenant.place) ?? places[0];
  }

  open(start: WorkerStart): WorkerEntry {
    const place = new WorkerEntry(start, () => this.#places.delete(place));
    this.#places.add(place);
    return place;
  }

  #startedLike(start: WorkerStart): WorkerEntry[] {
    return [...this.#places].filter((place) => sameStart(place.start, start));
  }
}

/** The pool of this page. */
export const workerPool = new WorkerPool();
