import { transfer } from "comlink";
import { Connection } from "./connection";
import { checkFrame } from "./picture";
import { Queue } from "./queue";
import { VlmError } from "./shared/errors";
import type {
  Answer,
  DescribeOptions,
  Frame,
  LoadOptions,
  ModelInfo,
  WorkerEvent,
} from "./shared/protocol";

export type ProgressEvent = Extract<WorkerEvent, { type: "progress" }>;
export type ImageEvent = Extract<WorkerEvent, { type: "image" }>;
export type TokenEvent = Extract<WorkerEvent, { type: "token" }>;

export interface RuntimeOptions {
  /** Another way to start the worker, for bundlers that lose it. */
  readonly worker?: (() => Worker) | undefined;
  readonly onProgress?: (event: ProgressEvent) => void;
  /** After the first load and after every reload. */
  readonly onReady?: (info: ModelInfo) => void;
  /** The worker or its GPU is gone; the next call brings them back. */
  readonly onLost?: (reason: VlmError) => void;
}

export interface RunListener {
  readonly signal?: AbortSignal | undefined;
  /** Its turn has come and the model is there: the frame is handed over. */
  readonly onStart?: () => void;
  readonly onImage?: (event: ImageEvent) => void;
  readonly onToken?: (event: TokenEvent) => void;
}

/** How long the last tokens may trail the answer: two ports, no common order. */
const trailingTokens = 200;

interface Run extends RunListener {
  readonly id: number;
  tokens: number;
  text: string;
  onCount: (() => void) | undefined;
}

/**
 * Owns the worker: starts it, gives it one job at a time, aborts, and after a
 * death or a lost device brings worker and model back with the next job.
 */
export class Runtime {
  readonly #options: RuntimeOptions;
  readonly #queue = new Queue();
  #connection: Connection | undefined;
  /** The last model that loaded: what a restart brings back. */
  #wanted: LoadOptions | undefined;
  /** Its description while it is in the worker. */
  #info: ModelInfo | undefined;
  #run: Run | undefined;
  #lastRun = 0;

  constructor(options: RuntimeOptions = {}) {
    this.#options = options;
  }

  /** Loads a model; the one already loaded is not loaded again. */
  load(options: LoadOptions, signal?: AbortSignal): Promise<ModelInfo> {
    return this.#queue.add(() => this.#load(options, signal), signal);
  }

  /**
   * Consumes the frame. Aborted before its turn it rejects with `aborted`;
   * later it resolves with what was said so far and finish `abort`.
   */
  async describe(
    frame: Frame,
    options: Omit<DescribeOptions, "run">,
    listener: RunListener = {},
  ): Promise<Answer> {
    const { signal } = listener;
    try {
      return await this.#queue.add(async () => {
        if (!this.#wanted) throw notLoaded();
        await this.#load(this.#wanted, signal);
        return this.#describe(frame, options, listener);
      }, signal);
    } finally {
      // After a transfer this closes an empty shell; otherwise, the pixels.
      frame.close();
    }
  }

  /** Frees worker and model; what is pending rejects with `aborted`. */
  dispose(): void {
    this.#wanted = undefined;
    this.#drop(
      new VlmError("aborted", "The model was disposed of.", "Load it again."),
    );
  }

  async #load(
    options: LoadOptions,
    signal: AbortSignal | undefined,
  ): Promise<ModelInfo> {
    if (this.#info && this.#wanted && same(this.#wanted, options)) {
      return this.#info;
    }
    const connection = this.#connect();
    this.#options.onProgress?.({
      type: "progress",
      phase: "loading",
      loaded: 0,
      total: 0,
    });
    const loaded = connection.call((remote) => remote.load(options));
    const info = await abortable(signal, loaded, () =>
      connection.call((remote) => remote.abortLoad()),
    );
    this.#wanted = options;
    this.#info = info;
    this.#options.onReady?.(info);
    return info;
  }

  async #describe(
    frame: Frame,
    options: Omit<DescribeOptions, "run">,
    listener: RunListener,
  ): Promise<Answer> {
    checkFrame(frame);
    const connection = this.#connect();
    const run: Run = {
      ...listener,
      id: ++this.#lastRun,
      tokens: 0,
      text: "",
      onCount: undefined,
    };
    this.#run = run;
    run.onStart?.();
    try {
      const answered = connection.call((remote) =>
        remote.describe(transfer(frame, [frame]), { ...options, run: run.id }),
      );
      const answer = await abortable(listener.signal, answered, () =>
        connection.call((remote) => remote.abort(run.id)),
      );
      if (listener.signal?.aborted) return asHeard(answer, run);
      await tokensArrived(run, answer.tokenIds.length);
      return answer;
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
      this.#options.onProgress?.(event);
    } else if (event.type === "device-lost") {
      this.#info = undefined;
      this.#options.onLost?.(deviceLost(event.message));
    } else if (event.run === this.#run?.id) {
      if (event.type === "image") this.#run.onImage?.(event);
      // What was on its way when the run was stopped comes too late.
      else if (!this.#run.signal?.aborted) {
        this.#run.tokens += 1;
        this.#run.text += event.text;
        this.#run.onToken?.(event);
        this.#run.onCount?.();
      }
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

export function startWorker(): Worker {
  return new Worker(new URL("../workers/vlm.worker.ts", import.meta.url), {
    type: "module",
  });
}

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

/** A stopped answer is what had been heard of it. */
function asHeard(answer: Answer, { tokens, text }: Run): Answer {
  if (tokens >= answer.tokenIds.length) return answer;
  const tokenIds = answer.tokenIds.slice(0, tokens);
  return { ...answer, text, tokenIds, finish: "abort" };
}

async function tokensArrived(run: Run, count: number): Promise<void> {
  if (run.tokens >= count) return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, trailingTokens);
    run.onCount = () => {
      if (run.tokens < count) return;
      clearTimeout(timer);
      resolve();
    };
  });
}

function same(a: LoadOptions, b: LoadOptions): boolean {
  return a.model === b.model && a.device === b.device && a.dtype === b.dtype;
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
