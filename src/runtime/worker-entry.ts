import { WorkerClient, type LoadProgress } from "./worker-client";
import type { WorkerStart } from "./start-worker";
import type { VlmError } from "../shared/errors";
import type { ModelInfo } from "../shared/protocol";

/** Who uses a worker, and hears of it. */
export interface WorkerUser {
  /** Where it lives now. */
  readonly place: WorkerEntry | undefined;
  /** Of the place's load. */
  hear(place: WorkerEntry, event: LoadProgress): void;
  /** A model has come to the place. */
  arrive(place: WorkerEntry, info: ModelInfo): void;
  /** The place's worker or GPU is gone. */
  lose(place: WorkerEntry, reason: VlmError): void;
}

/** What keeps a worker alive. */
interface Keep {
  readonly tenant: WorkerUser;
  /** It uses or awaits a model there; otherwise it is there for one call. */
  readonly lives: boolean;
}

/** One worker, and for whom it is there. */
export class WorkerEntry {
  readonly start: WorkerStart;
  readonly runtime: WorkerClient;
  readonly #keeps = new Set<Keep>();
  readonly #onEmpty: () => void;

  constructor(start: WorkerStart, onEmpty: () => void) {
    this.start = start;
    this.#onEmpty = onEmpty;
    this.runtime = new WorkerClient({
      ...start,
      onProgress: (event) => this.#tell((tenant) => tenant.hear(this, event)),
      onReady: (info) => this.#tell((tenant) => tenant.arrive(this, info)),
      onLost: (reason) => this.#tell((tenant) => tenant.lose(this, reason)),
    });
  }

  isOnlyFor(tenant: WorkerUser): boolean {
    return [...this.#keeps].every(
      (keep) => keep.tenant === tenant || !keep.lives,
    );
  }

  /** Keeps the worker until the function returned is called. */
  keep(tenant: WorkerUser, lives: boolean): () => void {
    const keep: Keep = { tenant, lives };
    this.#keeps.add(keep);
    return () => {
      if (!this.#keeps.delete(keep) || this.#keeps.size > 0) return;
      this.#onEmpty();
      this.runtime.dispose();
    };
  }

  #tell(news: (tenant: WorkerUser) => void): void {
    new Set([...this.#keeps].map(({ tenant }) => tenant)).forEach(news);
  }
}
