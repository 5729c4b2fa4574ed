import { Connection } from "./connection";
import { sameLoad } from "./models/source";
import { askToPersist } from "./persistence";
import { aborted, Queue } from "./queue";
import { Run, type RunListener } from "./run";
import { VlmError } from "./shared/errors";
import type { ModelReport, StoredModel } from "./shared/models";
import type {
  Answer,
  DescribeOptions,
  Frame,
  LoadOptions,
  ModelInfo,
  WorkerEvent,
} from "./shared/protocol";
import { startWorker } from "./start-worker";
import { checkFrame } from "./still";

export type ProgressEvent = Extract<WorkerEvent, { type: "progress" }>;

export interface RuntimeOptions {
  /** Another way to start the worker, for bundlers that lose it. */
  readonly worker?: (() => Worker) | undefined;
  readonly onProgress?: (event: ProgressEvent) => void;
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
export class Runtime {
  readonly #options: RuntimeOptions;
  readonly #loads = new Queue();
  readonly #runs = new Queue();
  #connection: Connection | undefined;
  /** The last model that loaded: what a restart brings back. */
  #wanted: LoadOptions | undefined;
  /** Its description while it is in the worker. */
  #info: ModelInfo | undefined;
  /** The load asked for last; another model ends it. */
  #asked: { options: LoadOptions; controller: AbortController } | undefined;
  #loading = false;
  #run: Run | undefined;
  #lastRun = 0;

  constructor(options: RuntimeOptions = {}) {
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

  /**
   * Loads a model; the one already loaded is not loaded again. What was being
   * loaded instead rejects with `aborted`; what was in use stays so meanwhile,
   * and for good if this fails.
   */
  load(options: LoadOptions, signal?: AbortSignal): Promise<ModelInfo> {
    if (!this.#asked || !sameLoad(this.#asked.options, options)) {
      this.#asked?.controller.abort();
      this.#asked = { options, controller: new AbortController() };
    }
    const asked = this.#asked.controller.signal;
    const either = signal ? AbortSignal.any([signal, asked]) : asked;
    return this.#loads.add(() => this.#load(options, either), either);
  }

  /** What a model is and would cost; downloads its small files only. */
  inspect(
    options: LoadOptions,
    side?: number,
    signal?: AbortSignal,
  ): Promise<ModelReport> {
    const inspected = this.#connect().call((remote) =>
      remote.inspect(options, side),
    );
    return leaveWhenAborted(inspected, signal);
  }

  stored(): Promise<StoredModel[]> {
    return this.#connect().call((remote) => remote.stored());
  }

  remove(key: string): Promise<void> {
    return this.#connect().call((remote) => remote.remove(key));
  }

  /**
   * Consumes the frames. Aborted before its turn it rejects with `aborted`;
   * later it resolves with what was said so far and finish `abort`.
   */
  async describe(
    frames: readonly Frame[],
    options: Omit<DescribeOptions, "run">,
    listener: RunListener = {},
  ): Promise<Answer> {
    const { signal } = listener;
    try {
      return await this.#runs.add(async () => {
        if (!this.#info) await this.#reload(signal);
        return this.#describe(frames, options, listener);
      }, signal);
    } finally {
      // After a transfer this closes an empty shell; otherwise, the pixels.
      for (const frame of frames) frame.close();
    }
  }

  /** Frees worker and model; what is pending rejects with `aborted`. */
  dispose(): void {
    this.#wanted = undefined;
    this.#asked = undefined;
    this.#drop(
      new VlmError("aborted", "The model was disposed of.", "Load it again."),
    );
  }

  /** Brings back what was lost, unless a load on its way replaces it. */
  #reload(signal: AbortSignal | undefined): Promise<ModelInfo> {
    return this.#loads.add(async () => {
      if (!this.#wanted) throw notLoaded();
      return this.#load(this.#wanted, signal);
    }, signal);
  }

  async #load(
    options: LoadOptions,
    signal: AbortSignal | undefined,
  ): Promise<ModelInfo> {
    if (this.#info && this.has(options)) return this.#info;
    const connection = this.#connect();
    this.#loading = true;
    try {
      this.#options.onProgress?.(nothingYet);
      askToPersist(options.model);
      const loaded = connection.call((remote) => remote.load(options));
      const info = await abortable(signal, loaded, () =>
        connection.call((remote) => remote.abortLoad()),
      );
      this.#wanted = options;
      this.#info = info;
      this.#options.onReady?.(info);
      return info;
    } finally {
      this.#loading = false;
    }
  }

  async #describe(
    frames: readonly Frame[],
    options: Omit<DescribeOptions, "run">,
    listener: RunListener,
  ): Promise<Answer> {
    frames.forEach(checkFrame);
    const connection = this.#connect();
    const run = new Run(++this.#lastRun, listener);
    this.#run = run;
    listener.onStart?.();
    try {
      const answered = connection.call((remote, transfer) =>
        remote.describe(transfer(frames, [...frames]), {
          ...options,
          run: run.id,
        }),
      );
      const answer = await abortable(listener.signal, answered, () =>
        connection.call((remote) => remote.abort(run.id)),
      );
      return await run.settle(answer);
    } finally {
      this.#run = undefined;
    }
  }

  #connect(): Connection {
    this.#connection ??= new Connection(
      this.#options.worker ?? startWorker,
      (event) => this.#receive(event),
      (reason) => this.#lose(reason),
    );
    return this.#connection;
  }

  #receive(event: WorkerEvent): void {
    if (event.type === "progress") {
      // Two ports, no common order: it may come after the end of its load.
      if (this.#loading) this.#options.onProgress?.(event);
    } else if (event.type === "device-lost") {
      this.#info = undefined;
      this.#options.onLost?.(deviceLost(event.message));
    } else if (event.run === this.#run?.id) {
      this.#run.receive(event);
    }
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

export const nothingYet: ProgressEvent = {
  type: "progress",
  phase: "loading",
  loaded: 0,
  total: 0,
  rate: 0,
  elsewhere: false,
};

/** `work`, with `abort` sent to the worker once `signal` says so. */
async function abortable<T>(
  signal: AbortSignal | undefined,
  work: Promise<T>,
  abort: () => Promise<void>,
): Promise<T> {
  // A failed abort means a dead worker, which `work` reports.
  const send = (): void => void abort().catch(() => undefined);
  if (signal?.aborted) send();
  signal?.addEventListener("abort", send);
  try {
    return await work;
  } finally {
    signal?.removeEventListener("abort", send);
  }
}

/** `work`, which nothing ends, until nobody wants it any more. */
function leaveWhenAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(aborted());
    if (signal?.aborted) leave();
    signal?.addEventListener("abort", leave, { once: true });
    work
      .then(resolve, reject)
      .finally(() => signal?.removeEventListener("abort", leave));
  });
}

function notLoaded(): VlmError {
  return new VlmError("not-loaded", "No model is loaded.", "Load one first.");
}

function deviceLost(message: string): VlmError {
  return new VlmError(
    "device-lost",
    `The GPU was lost: ${message}`,
    "The model is loaded again with the next picture.",
  );
}
