import { sameLoad } from "../models/source";
import { aborted, anySignal, rejectWhenAborted } from "../shared/abort";
import { notLoaded, type VlmError } from "../shared/errors";
import type { ModelReport, StoredModel } from "../shared/models";
import type {
  Answer,
  LoadOptions,
  LoadProgress,
  ModelInfo,
  PromptInput,
  TokenCount,
} from "../shared/protocol";
import type { Call } from "./connection";
import { sameStart, startOf, type WorkerStart } from "./start-worker";
import type { GenerateRequest, WorkerClient } from "./worker-client";
import type { WorkerEntry, WorkerPool, WorkerUser } from "./worker-pool";

/** Notified about the model that the handle uses or waits for. */
interface WorkerHandleListener {
  /** Of loads that this handle waits for. */
  readonly onProgress?: (progress: LoadProgress) => void;
  /** The model is ready: for the first time, another one, or restored. */
  readonly onReady?: (info: ModelInfo) => void;
  /** The model has changed its backend, or keeps the one that it has. */
  readonly onBackend?: (info: ModelInfo) => void;
  /** The worker or the GPU is lost; the next call restores it. */
  readonly onLost?: (reason: VlmError) => void;
}

/** The options of `WorkerStart` are read at every load. */
export type WorkerHandleOptions = WorkerStart & WorkerHandleListener;

/** A load in progress. */
interface PendingLoad {
  readonly entry: WorkerEntry;
  readonly options: LoadOptions;
  readonly controller: AbortController;
  /** Calls of `load` that wait for it. */
  calls: number;
}

/**
 * One user's access to the page's workers. Whether its worker is shared with
 * other handles is decided by `WorkerPool` and makes no difference here.
 */
export class WorkerHandle implements WorkerUser {
  /** The model in use; also while another one loads, or while it is lost. */
  info: ModelInfo | undefined;
  /** The worker in use. */
  entry: WorkerEntry | undefined;
  readonly #pool: WorkerPool;
  readonly #options: WorkerHandleOptions;
  /** The options of the model that `info` describes. */
  #loaded: LoadOptions | undefined;
  /** The model is loaded, and the listener knows. */
  #ready = false;
  #pending: PendingLoad | undefined;
  readonly #references = new Set<() => void>();
  #releaseEntry = (): void => undefined;
  /** Aborts with `release`. */
  #life = new AbortController();

  constructor(pool: WorkerPool, options: WorkerHandleOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  /** Whether this model is loaded. */
  has(options: LoadOptions): boolean {
    return this.entry?.client.has(options) === true;
  }

  /**
   * Loads a model unless it is loaded. A load of another model in progress
   * rejects with `aborted`. The model in use stays until this one is ready, and
   * for good if it fails.
   */
  async load(options: LoadOptions, signal?: AbortSignal): Promise<ModelInfo> {
    if (signal?.aborted) throw aborted();
    const pending = this.#startLoad(options);
    const { entry } = pending;
    const ended = pending.controller.signal;
    const either = anySignal(this.#life.signal, ended, signal);
    const release = this.#acquire(entry, "model");
    // Without a model, keep this entry even if the load fails: its downloads
    // so far are there.
    if (!this.entry) this.#move(entry);
    try {
      const { progress } = entry.client;
      if (progress) this.#options.onProgress?.(progress);
      const info = await entry.client.load(options, either);
      if (!either.aborted) this.#settle(entry, options, info);
      return info;
    } finally {
      pending.calls -= 1;
      if (pending.calls === 0 && this.#pending === pending) {
        this.#pending = undefined;
      }
      release();
    }
  }

  /**
   * Answers a request. Aborted before its turn it rejects with `aborted` and
   * takes no frames; aborted later it resolves with the text so far and finish
   * `abort`. Handles that share a worker take turns.
   */
  async generate(request: GenerateRequest): Promise<Answer> {
    const signal = anySignal(this.#life.signal, request.signal);
    const entry = await this.#ownEntry(signal);
    return this.#call(entry, (client) =>
      client.generate({ ...request, signal }, this),
    );
  }

  /** Counts tokens for the loaded model; does not wait for requests. */
  async count(
    conversation: PromptInput,
    signal?: AbortSignal,
  ): Promise<TokenCount> {
    const either = anySignal(this.#life.signal, signal);
    const entry = await this.#ownEntry(either);
    return this.#call(entry, (client) => client.count(conversation, either));
  }

  /** Describes a model and its cost; downloads its small files only. Calls
   * `onProgress` while it waits for a server that limits requests. */
  async inspect(
    options: LoadOptions,
    size?: number,
    signal?: AbortSignal,
    onProgress?: (progress: LoadProgress) => void,
  ): Promise<ModelReport> {
    const report = this.#call(this.#anyEntry(), (client) =>
      client.inspect(options, size, signal, onProgress),
    );
    return rejectWhenAborted(report, signal);
  }

  stored(): Promise<StoredModel[]> {
    return this.#callAny((remote) => remote.stored());
  }

  remove(key: string): Promise<void> {
    return this.#callAny((remote) => remote.remove(key));
  }

  /**
   * Frees the worker, unless others use it; pending calls reject with `aborted`.
   * The handle can be used again.
   */
  release(): void {
    this.#life.abort();
    this.#life = new AbortController();
    this.info = undefined;
    this.entry = undefined;
    this.#loaded = undefined;
    this.#pending = undefined;
    this.#ready = false;
    for (const release of this.#references) release();
  }

  onProgress(entry: WorkerEntry, progress: LoadProgress): void {
    if (this.#pending?.entry === entry) this.#options.onProgress?.(progress);
  }

  onReady(entry: WorkerEntry, info: ModelInfo): void {
    const { client } = entry;
    const known = this.entry === entry ? this.#loaded : undefined;
    const wanted =
      this.#pending?.entry === entry ? this.#pending.options : undefined;
    const own = [wanted, known].find((each) => each && client.has(each));
    if (own) this.#settle(entry, own, info);
    // Another user has loaded a model into the worker that this one is leaving.
    else if (this.entry === entry) this.#ready = false;
  }

  onBackend(entry: WorkerEntry, info: ModelInfo): void {
    if (this.entry !== entry || !this.#ready) return;
    this.info = info;
    this.#options.onBackend?.(info);
  }

  onLost(entry: WorkerEntry, reason: VlmError): void {
    if (this.entry !== entry) return;
    this.#ready = false;
    this.#options.onLost?.(reason);
  }

  /** Joins the load in progress if it is the same; otherwise ends it. */
  #startLoad(options: LoadOptions): PendingLoad {
    const start = startOf(this.#options);
    const current = this.#pending;
    const isSame =
      current &&
      sameLoad(current.options, options) &&
      sameStart(current.entry.start, start);
    if (!isSame) current?.controller.abort();
    const pending = isSame
      ? current
      : {
          ...{ options, calls: 0, controller: new AbortController() },
          entry: this.#pool.entryFor(this, start, options),
        };
    pending.calls += 1;
    this.#pending = pending;
    return pending;
  }

  /** Notifies once for each time that a model becomes ready. */
  #settle(entry: WorkerEntry, options: LoadOptions, info: ModelInfo): void {
    const known = this.#loaded !== undefined && sameLoad(this.#loaded, options);
    if (this.#ready && known && this.entry === entry) return;
    if (this.entry !== entry) this.#move(entry);
    this.#loaded = options;
    this.#ready = true;
    this.info = info;
    this.#options.onReady?.(info);
  }

  /** The worker that has this handle's model, or restores it on request. */
  async #ownEntry(signal: AbortSignal): Promise<WorkerEntry> {
    for (;;) {
      const { entry } = this;
      const loaded = this.#loaded;
      if (!entry || !loaded) throw notLoaded();
      const { client } = entry;
      if (client.has(loaded) || client.wants(loaded)) return entry;
      // Another user, or this one, loads another model there.
      await this.load(this.#pending?.options ?? loaded, signal);
    }
  }

  #move(entry: WorkerEntry): void {
    const release = this.#releaseEntry;
    this.entry = entry;
    this.#releaseEntry = this.#acquire(entry, "model");
    release();
  }

  #acquire(entry: WorkerEntry, kind: "model" | "call"): () => void {
    const end = entry.acquire(this, kind);
    const release = (): void => {
      this.#references.delete(release);
      end();
    };
    this.#references.add(release);
    return release;
  }

  #anyEntry(): WorkerEntry {
    const start = startOf(this.#options);
    const known = this.#pool.anyEntry(this, start);
    if (known) return known;
    const entry = this.#pool.open(start);
    if (!this.entry) this.#move(entry);
    return entry;
  }

  /** Calls a worker that need not have a model. */
  async #callAny<T>(run: Call<T>): Promise<T> {
    return this.#call(this.#anyEntry(), (client) => client.call(run));
  }

  async #call<T>(
    entry: WorkerEntry,
    work: (client: WorkerClient) => Promise<T>,
  ): Promise<T> {
    const release = this.#acquire(entry, "call");
    try {
      return await rejectWhenAborted(work(entry.client), this.#life.signal);
    } finally {
      release();
    }
  }
}
