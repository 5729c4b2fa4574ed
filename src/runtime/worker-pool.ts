import { sameStart, startOf, type WorkerStart } from "./start-worker";
import { WorkerClient } from "./worker-client";
import type { VlmError } from "../shared/errors";
import type { LoadOptions, LoadProgress, ModelInfo } from "../shared/protocol";

/** A user of a worker, which is notified of what happens there. */
export interface WorkerUser {
  /** The worker it uses. */
  readonly entry: WorkerEntry | undefined;
  onProgress(entry: WorkerEntry, progress: LoadProgress): void;
  onReady(entry: WorkerEntry, info: ModelInfo): void;
  onBackend(entry: WorkerEntry, info: ModelInfo): void;
  onLost(entry: WorkerEntry, reason: VlmError): void;
}

/** A reason to keep a worker alive. */
interface Reference {
  readonly user: WorkerUser;
  /** `model`: uses or awaits a model; `call`: waits for one call only. */
  readonly kind: "model" | "call";
}

/** One worker and its users; the last to leave ends it. */
export class WorkerEntry {
  readonly start: WorkerStart;
  readonly client: WorkerClient;
  readonly #references = new Set<Reference>();
  readonly #onUnused: () => void;

  constructor(start: WorkerStart, onUnused: () => void) {
    this.start = start;
    this.#onUnused = onUnused;
    this.client = new WorkerClient({
      ...start,
      onProgress: (event) =>
        this.#notify((user) => user.onProgress(this, event)),
      onReady: (info) => this.#notify((user) => user.onReady(this, info)),
      onBackend: (info) => this.#notify((user) => user.onBackend(this, info)),
      onLost: (reason) => this.#notify((user) => user.onLost(this, reason)),
    });
  }

  /** No other user uses or awaits a model here. */
  isOnlyFor(user: WorkerUser): boolean {
    return [...this.#references].every(
      (reference) => reference.user === user || reference.kind === "call",
    );
  }

  /** Keeps the worker until the returned function is called. */
  acquire(user: WorkerUser, kind: Reference["kind"]): () => void {
    const reference: Reference = { user, kind };
    this.#references.add(reference);
    return () => {
      const isLast =
        this.#references.delete(reference) && this.#references.size === 0;
      if (!isLast) return;
      this.#onUnused();
      this.client.dispose();
    };
  }

  #notify(call: (user: WorkerUser) => void): void {
    new Set([...this.#references].map(({ user }) => user)).forEach(call);
  }
}

/**
 * The page's workers: users of the same model, whose workers start in the same
 * way, share one worker and one set of weights.
 */
export class WorkerPool {
  readonly #entries = new Set<WorkerEntry>();

  /** The state of a model, without asking a worker. */
  stateOf(
    start: WorkerStart,
    options: LoadOptions,
  ): "loaded" | "loading" | undefined {
    const entries = this.#startedLike(startOf(start));
    if (entries.some(({ client }) => client.has(options))) return "loaded";
    const isLoading = entries.some(
      ({ client }) => client.progress && client.wants(options),
    );
    return isLoading ? "loading" : undefined;
  }

  /**
   * The worker in which `user` loads a model: one that has it or is loading it;
   * else the user's own, if no other user is there; else an empty one, or a new
   * one.
   */
  entryFor(
    user: WorkerUser,
    start: WorkerStart,
    options: LoadOptions,
  ): WorkerEntry {
    const entries = this.#startedLike(start);
    return (
      entries.find(({ client }) => client.wants(options)) ??
      entries.find((entry) => entry === user.entry && entry.isOnlyFor(user)) ??
      entries.find(({ client }) => client.vacant) ??
      this.open(start)
    );
  }

  /** A worker for calls that need no model; preferably the user's own. */
  anyEntry(user: WorkerUser, start: WorkerStart): WorkerEntry | undefined {
    const entries = this.#startedLike(start);
    return entries.find((entry) => entry === user.entry) ?? entries[0];
  }

  open(start: WorkerStart): WorkerEntry {
    const entry = new WorkerEntry(start, () => this.#entries.delete(entry));
    this.#entries.add(entry);
    return entry;
  }

  #startedLike(start: WorkerStart): WorkerEntry[] {
    return [...this.#entries].filter((entry) => sameStart(entry.start, start));
  }
}

/** The pool of this page. */
export const workerPool = new WorkerPool();
