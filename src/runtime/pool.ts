import { Lease } from "./lease";
import { Place, sameStart, startOf } from "./place";
import type { ProgressEvent, WorkerStart } from "./runtime";
import type { VlmError } from "../shared/errors";
import type { LoadOptions, ModelInfo } from "../shared/protocol";

/** Told to each lease about the model it uses or waits for. */
export interface LeaseListener {
  /** Of loads that this lease waits for. */
  readonly onProgress?: (event: ProgressEvent) => void;
  /** Its model is there: for the first time, another one, or back. */
  readonly onReady?: (info: ModelInfo) => void;
  /** Its worker or the GPU is gone; the next call brings them back. */
  readonly onLost?: (reason: VlmError) => void;
}

/** How the worker starts is read whenever a model is to be loaded. */
export type LeaseOptions = WorkerStart & LeaseListener;

/**
 * Who shares which worker, on the whole page: users of the same model have one
 * worker and one set of weights. The first to need a worker starts it, the last
 * to leave it ends it.
 */
export class Pool {
  readonly #places = new Set<Place>();

  lease(options: LeaseOptions = {}): Lease {
    return new Lease(this, options);
  }

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
   * Where a lease loads a model: where it is already, or on its way; else in
   * the lease's own place, unless others are there, too; else in a new one.
   */
  placeFor(lease: Lease, start: WorkerStart, options: LoadOptions): Place {
    const places = this.#startedLike(start);
    return (
      places.find(({ runtime }) => runtime.wants(options)) ??
      places.find((place) => place === lease.place && place.isOnlyFor(lease)) ??
      places.find(({ runtime }) => runtime.vacant) ??
      this.open(start)
    );
  }

  /** A place of any model, for what needs none; preferably the lease's own. */
  anyPlace(lease: Lease, start: WorkerStart): Place | undefined {
    const places = this.#startedLike(start);
    return places.find((place) => place === lease.place) ?? places[0];
  }

  open(start: WorkerStart): Place {
    const place = new Place(start, () => this.#places.delete(place));
    this.#places.add(place);
    return place;
  }

  #startedLike(start: WorkerStart): Place[] {
    return [...this.#places].filter((place) => sameStart(place.start, start));
  }
}

/** The pool of this page. */
export const pool = new Pool();
