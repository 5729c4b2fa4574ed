import { aborted, anySignal } from "../shared/abort";
import { abortable, rejectWhenAborted } from "./abortable";
import { Connection } from "./connection";
import { sameLoad } from "../models/source";
import { askToPersist } from "./persistence";
import { RequestQueue } from "./queue";
import { PendingRequest, type RequestListener } from "./request";
import { VlmError } from "../shared/errors";
import type { ModelReport, StoredModel } from "../shared/models";
import type {
  Answer,
  PromptInput,
  GenerateOptions,
  Frame,
  LoadOptions,
  ModelInfo,
  TokenCount,
  WorkerEvent,
} from "../shared/protocol";
import { deviceLost, notLoaded } from "./runtime-errors";
import { SharedLoad } from "./shared-load";
import type { WorkerStart } from "./start-worker";
import { assertFrameOpen } from "../capture/image-errors";

export type LoadProgress = Extract<WorkerEvent, { type: "progress" }>;

export interface WorkerClientOptions extends WorkerStart {
  readonly onProgress?: (event: LoadProgress) => void;
  /** After the first load and after every reload. */
  readonly onReady?: (info: ModelInfo) => void;
  /** The worker or its GPU is gone; the next call brings them back. */
  readonly onLost?: (reason: VlmError) => void;
}

/**
 * Owns the worker: starts it, gives it one job at a time, aborts, and after a
 * death or a lost device brings worker and model back with the next job. While
 * another model loads, the one in use goes on answering.
 */
export class WorkerClient {
  readonly #options: WorkerClientOptions;
  readonly #loads = new RequestQueue();
  readonly #runs = new RequestQueue();
  #connection: Connection | undefined;
  /** The last model that loaded: what a restart brings back. */
  #wanted: LoadOptions | undefined;
  /** Its description while it is in the worker. */
  #info: ModelInfo | undefined;
  /** The load asked for last; another model ends it. */
  #wish: SharedLoad | undefined;
  #progress: LoadProgress | undefined;
  #run: PendingRequest | undefined;
  #lastRun = 0;
  /** Ends with `dispose`. */
  #life = new AbortController();

  constructor(options: WorkerClientOptions = {}) {
    this.#options = options;
  }

  /** Whether that is what runs now. */
  has(options: LoadOptions): boolean {
    return (
      this.#info !== undefined &&
      this.#wanted !== undefined &&
      sameLoad(this.#wanted, options)
    );
  }

  /** Whether that is what runs here, unless it is lost for now, or will soon. */
  wants(options: LoadOptions): boolean {
    const wanted = this.#wish?.options ?? this.#wanted;
    return wanted !== undefined && sameLoad(wanted, options);
  }

  /** No model is here, and none is on its way. */
  get vacant(): boolean {
    return !this.#wish && !this.#wanted;
  }

  /** How far loading has come; absent while nothing loads. */
  get progress(): LoadProgress | undefined {
    return this.#progress;
  }

  /**
   * Loads a model; the one already loaded is not loaded again, and who asks for
   * the one on its way waits with the others. What was being loaded instead
   * rejects with `aborted`; what was in use stays so meanwhile, and for good if
   * this fails.
   */
  load(options: LoadOptions, signal?: AbortSignal): Promise<ModelInfo> {
    if (signal?.aborted) return Promise.reject(aborted());
    if (!this.#wish || !sameLoad(this.#wish.options, options)) {
      this.#wish?.end();
      this.#wish = new SharedLoad(
        options,
        (wanted) => this.#loads.add(() => this.#load(options, wanted), wanted),
        (wish) => {
          if (this.#wish === wish) this.#wish = undefined;
        },
      );
    }
    return this.#wish.wait(signal);
  }

  /** What a model is and would cost; downloads its small files only. */
  async inspect(
    options: LoadOptions,
    side?: number,
    signal?: AbortSignal,
  ): Promise<ModelReport> {
    const inspected = this.#connect().call((remote) =>
      remote.inspect(options, side),
    );
    return rejectWhenAborted(inspected, signal);
  }

  async stored(): Promise<StoredModel[]> {
    return this.#connect().call((remote) => remote.stored());
  }

  async remove(key: string): Promise<void> {
    return this.#connect().call((remote) => remote.remove(key));
  }

  /**
   * Consumes the frames. Aborted before its turn it rejects with `aborted`;
   * later it resolves with what was said so far and finish `abort`. The runs of
   * one `party` keep their order, those of several take turns.
   */
  async describe(
    frames: readonly Frame[],
    options: Omit<GenerateOptions, "requestId">,
    listener: RequestListener = {},
    party?: object,
  ): Promise<Answer> {
    const { signal } = listener;
    const either = anySignal(this.#life.signal, signal);
    const job = async (): Promise<Answer> => {
      if (!this.#info) await this.#reload(signal);
      return this.#describe(frames, options, listener);
    };
    try {
      return await this.#runs.add(job, either, party);
    } finally {
      closeAll(frames);
    }
  }

  /** What messages would take of the model's room; waits for no run. */
  async count(
    conversation: PromptInput,
    signal?: AbortSignal,
  ): Promise<TokenCount> {
    if (!this.#info) await this.#reload(signal);
    const counted = this.#connect().call((remote) =>
      remote.count(conversation),
    );
    return rejectWhenAborted(counted, signal);
  }

  /** Frees worker and model; what is pending rejects with `aborted`. */
  dispose(): void {
    this.#wanted = undefined;
    this.#life.abort();
    this.#life = new AbortController();
    this.#wish?.end();
    this.#drop(
      new VlmError("aborted", "The model was disposed of.", "Load it again."),
    );
  }

  /** Brings back what was lost, unless a load on its way replaces it. */
  async #reload(signal: AbortSignal | undefined): Promise<void> {
    const coming = this.#wish?.loaded.catch(() => undefined);
    await rejectWhenAborted(Promise.resolve(coming), signal);
    if (this.#info) return;
    if (!this.#wanted) throw notLoaded();
    await this.load(this.#wanted, signal);
  }

  async #load(options: LoadOptions, signal: AbortSignal): Promise<ModelInfo> {
    if (this.#info && this.has(options)) return this.#info;
    const connection = this.#connect();
    try {
      this.#tell(noProgress);
      askToPersist(options.model);
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

  async #describe(
    frames: readonly Frame[],
    options: Omit<GenerateOptions, "requestId">,
    listener: RequestListener,
  ): Promise<Answer> {
    const newer = await listener.renew?.();
    if (newer) closeAll(frames);
    const newest = newer ?? frames;
    if (listener.signal?.aborted) {
      closeAll(newest);
      throw aborted();
    }
    const connection = this.#connect();
    const run = new PendingRequest(++this.#lastRun, listener);
    this.#run = run;
    try {
      newest.forEach(assertFrameOpen);
      listener.onStart?.();
      const answered = connection.call((remote, { transfer }) =>
        remote.describe(transfer(newest, [...newest]), {
          ...options,
          requestId: run.id,
        }),
      );
      const answer = await abortable(listener.signal, answered, () =>
        connection.call((remote) => remote.abort(run.id)),
      );
      return await run.settle(answer);
    } finally {
      this.#run = undefined;
      closeAll(newest);
    }
  }

  #connect(): Connection {
    this.#connection ??= new Connection(
      this.#options,
      (event) => this.#receive(event),
      (reason) => this.#lose(reason),
    );
    return this.#connection;
  }

  #receive(event: WorkerEvent): void {
    if (event.type === "progress") {
      // Two ports, no common order: it may come after the end of its load.
      if (this.#progress) this.#tell(event);
    } else if (event.type === "device-lost") {
      this.#info = undefined;
      this.#options.onLost?.(deviceLost(event.message));
    } else if (event.requestId === this.#run?.id) {
      this.#run.receive(event);
    }
  }

  #tell(event: LoadProgress): void {
    this.#progress = event;
    this.#options.onProgress?.(event);
  }

  #lose(reason: VlmError): void {
    this.#drop(reason);
    this.#options.onLost?.(reason);
  }

  #drop(reason: VlmError): void {
    this.#connection?.end(reason);
    this.#connection = undefined;
    this.#info = undefined;
  }
}

export const noProgress: LoadProgress = {
  type: "progress",
  phase: "loading",
  loaded: 0,
  total: 0,
  rate: 0,
  elsewhere: false,
};

/** After a transfer this closes empty shells; otherwise, the pixels. */
function closeAll(frames: readonly Frame[]): void {
  for (const frame of frames) frame.close();
}
