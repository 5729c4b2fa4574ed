import { aborted } from "../shared/abort";
import type { WorkerEntry, WorkerUser } from "./worker-entry";
import type { WorkerPool } from "./worker-pool";
import { anySignal } from "../shared/abort";
import { sameLoad } from "../models/source";
import { rejectWhenAborted } from "./abortable";
import type { RequestListener } from "./request";
import type { LoadProgress, WorkerClient } from "./worker-client";
import { notLoaded } from "./runtime-errors";
import { sameStart, startOf, type WorkerStart } from "./start-worker";
import type { VlmError } from "../shared/errors";
import type { ModelReport, StoredModel } from "../shared/models";
import type {
  Answer,
  PromptInput,
  GenerateOptions,
  Frame,
  LoadOptions,
  ModelInfo,
  TokenCount,
} from "../shared/protocol";

/** Told to each lease about the model it uses or waits for. */
export interface WorkerHandleListener {
  /** Of loads that this lease waits for. */
  readonly onProgress?: (event: LoadProgress) => void;
  /** Its model is there: for the first time, another one, or back. */
  readonly onReady?: (info: ModelInfo) => void;
  /** Its worker or the GPU is gone; the next call brings them back. */
  readonly onLost?: (reason: VlmError) => void;
}

/** How the worker starts is read whenever a model is to be loaded. */
export type WorkerHandleOptions = WorkerStart & WorkerHandleListener;

/** A load on its way. */
interface Ask {
  readonly place: WorkerEntry;
  readonly options: LoadOptions;
  readonly controller: AbortController;
  calls: number;
}

/**
 * One user's share of the page's workers. It may have a worker of its own or
 * one in common with other leases, and does not notice; which, `Pool` says.
 */
export class WorkerHandle implements WorkerUser {
  /** The model in use: also while another one loads, or it is lost for now. */
  info: ModelInfo | undefined;
  /** The worker it uses. */
  place: WorkerEntry | undefined;
  readonly #pool: WorkerPool;
  readonly #options: WorkerHandleOptions;
  /** What `info` describes. */
  #loaded: LoadOptions | undefined;
  /** It is there, and the listener knows. */
  #ready = false;
  #asked: Ask | undefined;
  readonly #keeps = new Set<() => void>();
  #leave = (): void => undefined;
  /** Ends at release. */
  #life = new AbortController();

  constructor(pool: WorkerPool, options: WorkerHandleOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  /** Whether that is what runs now. */
  has(options: LoadOptions): boolean {
    return this.place?.runtime.has(options) === true;
  }

  /**
   * Loads a model, unless it is loaded. What this lease was loading instead
   * rejects with `aborted`; what was in use stays so meanwhile, and for good if
   * this fails.
   */
  async load(options: LoadOptions, signal?: AbortSignal): Promise<ModelInfo> {
    if (signal?.aborted) throw aborted();
    const ask = this.#ask(options);
    const { place } = ask;
    const ended = ask.controller.signal;
    const either = anySignal(this.#life.signal, ended, signal);
    const leave = this.#keep(place, true);
    // Stays its place if this fails, with what has arrived.
    if (!this.place) this.#move(place);
    try {
      const { progress } = place.runtime;
      if (progress) this.#options.onProgress?.(progress);
      const info = await place.runtime.load(options, either);
      if (!either.aborted) this.#settle(place, options, info);
      return info;
    } finally {
      ask.calls -= 1;
      if (ask.calls === 0 && this.#asked === ask) this.#asked = undefined;
      leave();
    }
  }

  /**
   * Consumes the frames. Aborted before its turn it rejects with `aborted`;
   * later it resolves with what was said so far and finish `abort`. Runs of
   * leases that share a worker take turns.
   */
  async describe(
    frames: readonly Frame[],
    options: Omit<GenerateOptions, "requestId">,
    listener: RequestListener = {},
  ): Promise<Answer> {
    const either = anySignal(this.#life.signal, listener.signal);
    const heard = { ...listener, signal: either };
    try {
      const place = await this.#itsPlace(either);
      return await this.#visit(place, (runtime) =>
        runtime.describe(frames, options, heard, this),
      );
    } finally {
      for (const frame of frames) frame.close();
    }
  }

  /** What messages would take of the model's room; waits for no run. */
  async count(
    conversation: PromptInput,
    signal?: AbortSignal,
  ): Promise<TokenCount> {
    const either = anySignal(this.#life.signal, signal);
    const place = await this.#itsPlace(either);
    return this.#visit(place, (runtime) => runtime.count(conversation, either));
  }

  /** What a model is and would cost; downloads its small files only. */
  async inspect(
    options: LoadOptions,
    side?: number,
    signal?: AbortSignal,
  ): Promise<ModelReport> {
    return this.#visit(this.#anyPlace(), (runtime) =>
      runtime.inspect(options, side, signal),
    );
  }

  async stored(): Promise<StoredModel[]> {
    return this.#visit(this.#anyPlace(), (runtime) => runtime.stored());
  }

  async remove(key: string): Promise<void> {
    return this.#visit(this.#anyPlace(), (runtime) => runtime.remove(key));
  }

  /**
   * Gives everything back; what is pending rejects with `aborted`. The last one
   * at a worker frees it. A later call starts anew.
   */
  release(): void {
    this.#life.abort();
    this.#life = new AbortController();
    this.info = undefined;
    this.place = undefined;
    this.#loaded = undefined;
    this.#asked = undefined;
    this.#ready = false;
    for (const leave of this.#keeps) leave();
  }

  /** @internal Of the place's load. */
  hear(place: WorkerEntry, event: LoadProgress): void {
    if (this.#asked?.place === place) this.#options.onProgress?.(event);
  }

  /** @internal A model has come to the place. */
  arrive(place: WorkerEntry, info: ModelInfo): void {
    const { runtime } = place;
    const known = this.place === place ? this.#loaded : undefined;
    const asked =
      this.#asked?.place === place ? this.#asked.options : undefined;
    const mine = [asked, known].find((each) => each && runtime.has(each));
    if (mine) this.#settle(place, mine, info);
    // Another has taken the worker that this one had begun to leave.
    else if (this.place === place) this.#ready = false;
  }

  /** @internal The place's worker or GPU is gone. */
  lose(place: WorkerEntry, reason: VlmError): void {
    if (this.place !== place) return;
    this.#ready = false;
    this.#options.onLost?.(reason);
  }

  #ask(options: LoadOptions): Ask {
    const start = startOf(this.#options);
    const asked = this.#asked;
    const same =
      asked &&
      sameLoad(asked.options, options) &&
      sameStart(asked.place.start, start);
    if (!same) asked?.controller.abort();
    const ask = same
      ? asked
      : {
          ...{ options, calls: 0, controller: new AbortController() },
          place: this.#pool.placeFor(this, start, options),
        };
    ask.calls += 1;
    this.#asked = ask;
    return ask;
  }

  /** Once for each time that a model comes or comes back. */
  #settle(place: WorkerEntry, options: LoadOptions, info: ModelInfo): void {
    const known = this.#loaded !== undefined && sameLoad(this.#loaded, options);
    if (this.#ready && known && this.place === place) return;
    if (this.place !== place) this.#move(place);
    this.#loaded = options;
    this.#ready = true;
    this.info = info;
    this.#options.onReady?.(info);
  }

  /** Where its model is, or comes back with the next run. */
  async #itsPlace(signal: AbortSignal): Promise<WorkerEntry> {
    for (;;) {
      const { place } = this;
      const loaded = this.#loaded;
      if (!place || !loaded) throw notLoaded();
      const { runtime } = place;
      if (runtime.has(loaded) || runtime.wants(loaded)) return place;
      // Others have loaded another model there, or this lease does.
      await this.load(this.#asked?.options ?? loaded, signal);
    }
  }

  #move(place: WorkerEntry): void {
    const leave = this.#leave;
    this.place = place;
    this.#leave = this.#keep(place, true);
    leave();
  }

  #keep(place: WorkerEntry, lives: boolean): () => void {
    const end = place.keep(this, lives);
    const leave = (): void => {
      this.#keeps.delete(leave);
      end();
    };
    this.#keeps.add(leave);
    return leave;
  }

  /** A place of any model, for what needs none. */
  #anyPlace(): WorkerEntry {
    const start = startOf(this.#options);
    const known = this.#pool.anyPlace(this, start);
    if (known) return known;
    const place = this.#pool.open(start);
    if (!this.place) this.#move(place);
    return place;
  }

  async #visit<T>(
    place: WorkerEntry,
    job: (runtime: WorkerClient) => Promise<T>,
  ): Promise<T> {
    const leave = this.#keep(place, false);
    try {
      return await rejectWhenAborted(job(place.runtime), this.#life.signal);
    } finally {
      leave();
    }
  }
}
