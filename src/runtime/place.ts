import { Runtime, type ProgressEvent } from "./runtime";
import type { WorkerStart } from "./start-worker";
import type { VlmError } from "../shared/errors";
import type { ModelInfo } from "../shared/protocol";

/** Who uses a worker, and hears of it. */
export interface Tenant {
  /** Where it lives now. */
  readonly place: Place | undefined;
  /** Of the place's load. */
  hear(place: Place, event: ProgressEvent): void;
  /** A model has come to the place. */
  arrive(place: Place, info: ModelInfo): void;
  /** The place's worker or GPU is gone. */
  lose(place: Place, reason: VlmError): void;
}

/** What keeps a worker alive. */
interface Keep {
  readonly tenant: Tenant;
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
      onProgress: (event) => this.#tell((tenant) => tenant.hear(this, event)),
      onReady: (info) => this.#tell((tenant) => tenant.arrive(this, info)),
      onLost: (reason) => this.#tell((tenant) => tenant.lose(this, reason)),
    });
  }

  isOnlyFor(tenant: Tenant): boolean {
    return [...this.#keeps].every(
      (keep) => keep.tenant === tenant || !keep.lives,
    );
  }

  /** Keeps the worker until the function returned is called. */
  keep(tenant: Tenant, lives: boolean): () => void {
    const keep: Keep = { tenant, lives };
    this.#keeps.add(keep);
    return () => {
      if (!this.#keeps.delete(keep) || this.#keeps.size > 0) return;
      this.#onEmpty();
      this.runtime.dispose();
    };
  }

  #tell(news: (tenant: Tenant) => void): void {
    new Set([...this.#keeps].map(({ tenant }) => tenant)).forEach(news);
  }
}
