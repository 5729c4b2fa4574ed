import { sameLoad } from "../models/source";
import { aborted, anySignal, rejectWhenAborted } from "../shared/abort";
import { notLoaded, sentence, VlmError } from "../shared/errors";
import type { ModelReport, ModelSource } from "../shared/models";
import {
  noProgress,
  type Answer,
  type EventMessage,
  type Frame,
  type GenerateOptions,
  type ImageEvent,
  type LoadOptions,
  type LoadProgress,
  type ModelInfo,
  type PromptInput,
  type TokenCount,
  type TokenEvent,
} from "../shared/protocol";
import { Connection, type Call } from "./connection";
import { RequestQueue } from "./request-queue";
import { SharedLoad } from "./shared-load";
import type { WorkerStart } from "./start-worker";

/** Frames of one request, with an id for each if they may be reused. */
interface RequestFrames {
  readonly frames: readonly Frame[];
  readonly imageIds?: readonly (string | null)[];
}

/** One request: a prompt about images that are taken when its turn comes. */
export interface GenerateRequest {
  readonly options: Omit<GenerateOptions, "imageIds">;
  /**
   * Called at most once, when the request's turn has come and the model is
   * loaded; the frames are then transferred to the worker and closed. Undefined
   * withdraws the request, which rejects with `aborted`.
   */
  readonly take: (
    signal: AbortSignal,
  ) => RequestFrames | undefined | Promise<RequestFrames | undefined>;
  readonly signal?: AbortSignal | undefined;
  readonly onImage?: (event: ImageEvent) => void;
  readonly onToken?: (event: TokenEvent) => void;
}

export interface WorkerClientOptions extends WorkerStart {
  readonly onProgress?: (progress: LoadProgress) => void;
  /** After the first load and after every reload. */
  readonly onReady?: (info: ModelInfo) => void;
  /** The model has changed its backend, or keeps the one that it has. */
  readonly onBackend?: (info: ModelInfo) => void;
  /** The worker or its GPU is lost; the next call restores it. */
  readonly onLost?: (reason: VlmError) => void;
}

/**
 * Owns one worker: starts it, sends it one request at a time, and restores
 * worker and model with the next request after the worker died or its GPU was
 * lost. While another model loads, requests go to the one in use.
 */
export class WorkerClient {
  readonly #options: WorkerClientOptions;
  /** The only queue between a caller and the model. */
  readonly #requests = new RequestQueue();
  #connection: Connection | undefined;
  /** The last model that was loaded; a restart loads it again. */
  #wanted: LoadOptions | undefined;
  /** Describes the model in the worker; undefined while there is none. */
  #info: ModelInfo | undefined;
  /** The latest load, until it has settled; another model ends it. */
  #loading: SharedLoad | undefined;
  /** Settles with the last load that was sent to the worker. */
  #lastLoad: Promise<unknown> = Promise.resolve();
  #progress: LoadProgress | undefined;
  /** Seconds until the next attempt, while a server limits requests. */
  #retryIn: number | undefined;
  /** Listeners of inspections. */
  readonly #waiting = new Set<(progress: LoadProgress) => void>();
  #active: { readonly id: number; readonly request: Received } | undefined;
  #lastId = 0;
  /** Aborts with `dispose`. */
  #life = new AbortController();

  constructor(options: WorkerClientOptions = {}) {
    this.#options = options;
  }

  /** Whether this model is loaded. */
  has(options: LoadOptions): boolean {
    return (
      this.#info !== undefined &&
      this.#wanted !== undefined &&
      sameLoad(this.#wanted, options)
    );
  }

  /** Whether this model is loading, loaded, or lost and to be restored. */
  wants(options: LoadOptions): boolean {
    const wanted = this.#loading?.options ?? this.#wanted;
    return wanted !== undefined && sameLoad(wanted, options);
  }

  /** No model is loaded or loading. */
  get vacant(): boolean {
    return !this.#loading && !this.#wanted;
  }

  /** Undefined while nothing loads. */
  get progress(): LoadProgress | undefined {
    return this.#progress && this.#withWait(this.#progress);
  }

  /**
   * Loads a model unless it is loaded; calls for the same model share one load.
   * A load of another model in progress rejects with `aborted`. The model in
   * use stays until this one is ready, and for good if it fails.
   */
  load(options: LoadOptions, signal?: AbortSignal): Promise<ModelInfo> {
    if (signal?.aborted) return Promise.reject(aborted());
    if (!this.#loading || !sameLoad(this.#loading.options, options)) {
      this.#loading?.abort();
      this.#loading = new SharedLoad(
        options,
        (ended) => this.#load(options, ended),
        (load) => {
          if (this.#loading === load) this.#loading = undefined;
        },
      );
    }
    return this.#loading.wait(signal);
  }

  /** Calls the worker without a model. */
  async call<T>(run: Call<T>): Promise<T> {
    return this.#connect().call(run);
  }

  /** Describes a model and its cost; downloads its small files only. Calls
   * `onProgress` while it waits for a server that limits requests. */
  async inspect(
    options: LoadOptions,
    size?: number,
    signal = this.#life.signal,
    onProgress: (progress: LoadProgress) => void = () => undefined,
  ): Promise<ModelReport> {
    if (signal.aborted) throw aborted();
    const id = ++this.#lastId;
    const connection = this.#connect();
    this.#waiting.add(onProgress);
    try {
      return await abortable(
        signal,
        connection.call((remote) => remote.inspect(id, options, size)),
        () => connection.call((remote) => remote.abort(id)),
      );
    } finally {
      this.#waiting.delete(onProgress);
    }
  }

  /**
   * Answers a request. Aborted before its turn it rejects with `aborted` and
   * takes no frames; aborted later it resolves with the text so far and finish
   * `abort`. Requests of one `user` keep their order; users take turns.
   */
  async generate(request: GenerateRequest, user?: object): Promise<Answer> {
    const signal = anySignal(this.#life.signal, request.signal);
    return this.#requests.add(
      async () => {
        if (!this.#info) await this.#reload(signal);
        return this.#generate(request, signal);
      },
      signal,
      user,
    );
  }

  /** Counts tokens for the loaded model; does not wait for requests. */
  async count(
    conversation: PromptInput,
    signal?: AbortSignal,
  ): Promise<TokenCount> {
    if (!this.#info) await this.#reload(signal);
    const count = this.call((remote) => remote.count(conversation));
    return rejectWhenAborted(count, signal);
  }

  /** Terminates the worker; pending calls reject with `aborted`. */
  dispose(): void {
    this.#wanted = undefined;
    this.#life.abort();
    this.#life = new AbortController();
    this.#loading?.abort();
    this.#disconnect(
      new VlmError("aborted", "The model was disposed.", "Load it again."),
    );
  }

  /** Restores a lost model, unless a load in progress replaces it. */
  async #reload(signal: AbortSignal | undefined): Promise<void> {
    const loaded = this.#loading?.loaded.catch(() => undefined);
    await rejectWhenAborted(Promise.resolve(loaded), signal);
    if (this.#info) return;
    if (!this.#wanted) throw notLoaded();
    await this.load(this.#wanted, signal);
  }

  /** Waits for the load before it to settle: it may have replaced the model. */
  async #load(options: LoadOptions, signal: AbortSignal): Promise<ModelInfo> {
    const before = this.#lastLoad;
    const load = (async () => {
      await rejectWhenAborted(before, signal);
      if (this.#info && this.has(options)) return this.#info;
      return this.#send(options, signal);
    })();
    this.#lastLoad = Promise.allSettled([before, load]);
    return load;
  }

  async #send(options: LoadOptions, signal: AbortSignal): Promise<ModelInfo> {
    const connection = this.#connect();
    try {
      this.#report(noProgress);
      requestPersistence(options.model);
      const loaded = connection.call((remote) => remote.load(options));
      const info = await abortable(signal, loaded, () =>
        connection.call((remote) => remote.abortLoad()),
      );
      this.#wanted = options;
      this.#info = info;
      this.#progress = undefined;
      this.#options.onReady?.(info);
      return info;
    } finally {
      this.#progress = undefined;
    }
  }

  async #generate(
    request: GenerateRequest,
    signal: AbortSignal,
  ): Promise<Answer> {
    const taken = await request.take(signal);
    if (!taken) throw aborted();
    const { frames, imageIds } = taken;
    const id = ++this.#lastId;
    const received = new Received(request, signal);
    this.#active = { id, request: received };
    try {
      if (signal.aborted) throw aborted();
      const options = { ...request.options, ...(imageIds && { imageIds }) };
      const connection = this.#connect();
      const answer = connection.call((remote, { transfer }) =>
        remote.generate(id, transfer(frames, [...frames]), options),
      );
      return received.complete(
        await abortable(signal, answer, () =>
          connection.call((remote) => remote.abort(id)),
        ),
      );
    } finally {
      this.#active = undefined;
      // After the transfer this closes empty shells; otherwise, the pixels.
      for (const frame of frames) frame.close();
    }
  }

  #connect(): Connection {
    this.#connection ??= new Connection(
      this.#options,
      (message) => this.#receive(message),
      (reason) => {
        this.#disconnect(reason);
        this.#options.onLost?.(reason);
      },
    );
    return this.#connection;
  }

  #receive({ event, requestId }: EventMessage): void {
    if (event.type === "progress") {
      this.#report(event);
    } else if (event.type === "waiting") {
      this.#retryIn = event.retryIn;
      if (this.#progress) this.#report(this.#progress);
      for (const listener of this.#waiting) {
        listener(this.#withWait(noProgress));
      }
    } else if (event.type === "backend") {
      this.#info &&= event.info;
      this.#options.onBackend?.(event.info);
    } else if (event.type === "device-lost") {
      this.#info = undefined;
      this.#options.onLost?.(deviceLost(event.message));
    } else if (requestId === this.#active?.id) {
      this.#active?.request.receive(event);
    }
  }

  #report(progress: LoadProgress): void {
    this.#progress = progress;
    this.#options.onProgress?.(this.#withWait(progress));
  }

  #withWait(progress: LoadProgress): LoadProgress {
    const retryIn = this.#retryIn;
    if (retryIn === undefined) return progress;
    const { type, phase, loaded, total, elsewhere } = progress;
    return { type, phase, loaded, total, rate: 0, elsewhere, retryIn };
  }

  #disconnect(reason: VlmError): void {
    this.#connection?.end(reason);
    this.#connection = undefined;
    this.#retryIn = undefined;
    this.#info = undefined;
  }
}

/** What was received of an answer. Tokens after an abort are ignored. */
class Received {
  readonly #request: GenerateRequest;
  readonly #signal: AbortSignal;
  #tokens = 0;
  #text = "";

  constructor(request: GenerateRequest, signal: AbortSignal) {
    this.#request = request;
    this.#signal = signal;
  }

  receive(event: ImageEvent | TokenEvent): void {
    if (this.#signal.aborted) return;
    if (event.type === "image") {
      this.#request.onImage?.(event);
      return;
    }
    this.#tokens += 1;
    this.#text += event.text;
    this.#request.onToken?.(event);
  }

  /** The answer, without tokens that the caller was not given. */
  complete(answer: Answer): Answer {
    if (answer.tokenIds.length === this.#tokens) return answer;
    const tokenIds = answer.tokenIds.slice(0, this.#tokens);
    return { ...answer, text: this.#text, tokenIds, finish: "abort" };
  }
}

function deviceLost(message: string): VlmError {
  return new VlmError(
    "device-lost",
    sentence(`The GPU was lost: ${message}`),
    "Try again: the next request reloads the model. If this happens often, close other tabs that use the GPU.",
  );
}

/** Waits for `work`; calls `abort` when the signal aborts meanwhile. */
async function abortable<T>(
  signal: AbortSignal,
  work: Promise<T>,
  abort: () => Promise<void>,
): Promise<T> {
  // A failed abort means a dead worker, which `work` reports.
  const onAbort = (): void => void abort().catch(() => undefined);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    return await work;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * Asks the browser not to evict a downloaded model. Only a page may ask, so the
 * worker cannot. A refusal is harmless.
 */
function requestPersistence({ kind }: ModelSource): void {
  // A local folder is not stored.
  if (kind === "folder" || !("storage" in navigator)) return;
  navigator.storage.persist().catch(() => undefined);
}
