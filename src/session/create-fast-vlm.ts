import { awaitsConsent } from "../models/license";
import { workerPool } from "../runtime/worker-pool";
import { aborted, anySignal } from "../shared/abort";
import { VlmError, type ErrorCode } from "../shared/errors";
import { checkOptions } from "../shared/options";
import { asyncDispose } from "./async-dispose";
import { DownloadProgress, type DownloadMonitor } from "./download-monitor";
import {
  environmentRules,
  createRules,
  toLoadOptions,
  type FastVlmOptions,
  type ModelOptions,
} from "./options";
import { Session } from "./session";

export interface CreateOptions extends ModelOptions {
  /** Called with an event target that reports the download. */
  readonly monitor?: ((monitor: DownloadMonitor) => void) | undefined;
}

/**
 * `available`: stored in this browser, or loaded. `downloadable`: has to be
 * downloaded, or its licence accepted, first. `downloading`: this page is
 * loading it. `unavailable`: cannot run here, or cannot be downloaded now.
 */
export type Availability =
  "unavailable" | "downloadable" | "downloading" | "available";

/**
 * Creates sessions. Nothing is downloaded or started before a method is called.
 * Methods reject with a `VlmError`.
 */
export interface FastVlm extends AsyncDisposable {
  /** Reports whether `create` has to download the model; downloads none of its
   * weights. */
  availability(options: ModelOptions): Promise<Availability>;
  /** Loads a model, or shares one that is loaded on this page. Aborting the
   * signal ends the load; it does not affect a created session. */
  create(options: CreateOptions): Promise<Session>;
  /** Also disposes its sessions. */
  dispose(): Promise<void>;
}

export function createFastVlm(options: FastVlmOptions = {}): FastVlm {
  return new SessionFactory(options);
}

/** Errors that mean that a model cannot be used here and now. */
const unavailable: readonly ErrorCode[] = [
  "download-failed",
  "model-corrupt",
  "model-file-missing",
  "model-mismatch",
  "offline",
  "unsupported",
  "webgpu-unavailable",
];

class SessionFactory implements FastVlm {
  readonly #options: FastVlmOptions;
  readonly #sessions = new Set<Session>();
  readonly #life = new AbortController();
  /** Inspects models until a session has a worker that can. */
  #inspector: Session | undefined;

  constructor(options: FastVlmOptions) {
    this.#options = options;
  }

  async availability(options: ModelOptions): Promise<Availability> {
    const signal = this.#until(options);
    if (signal.aborted) throw aborted();
    try {
      const wanted = toLoadOptions(options, this.#options);
      const state = workerPool.stateOf(this.#options, wanted);
      if (state) return state === "loaded" ? "available" : "downloading";
      this.#inspector ??= new Session(this.#options);
      const report = await this.#inspector.inspect({ ...options, signal });
      const { chosen, unsupportedReason } = report;
      if (!chosen || unsupportedReason !== undefined) return "unavailable";
      const { modelBase } = this.#options;
      return chosen.missing === 0 &&
        !awaitsConsent(wanted.model, modelBase, report)
        ? "available"
        : "downloadable";
    } catch (thrown) {
      const error = VlmError.from(thrown);
      if (unavailable.includes(error.code)) return "unavailable";
      throw error;
    }
  }

  async create(options: CreateOptions): Promise<Session> {
    const signal = this.#until(options);
    const progress = new DownloadProgress(options.monitor);
    // As they are now: the caller may change them while the model loads.
    const session = new Session(
      { ...this.#options },
      {
        onProgress: (loaded) => progress.update(loaded),
        onDispose: () => this.#sessions.delete(session),
      },
    );
    try {
      if (signal.aborted) throw aborted();
      progress.begin();
      await session.load({ ...options, signal });
      progress.end();
    } catch (thrown) {
      session.dispose();
      throw thrown;
    }
    this.#sessions.add(session);
    this.#inspector?.dispose();
    this.#inspector = undefined;
    return session;
  }

  dispose(): Promise<void> {
    this.#life.abort();
    this.#inspector?.dispose();
    for (const session of this.#sessions) session.dispose();
    return Promise.resolve();
  }

  [asyncDispose](): Promise<void> {
    return this.dispose();
  }

  /** Throws for invalid options, and after `dispose`. */
  #until(options: ModelOptions): AbortSignal {
    checkOptions(this.#options, environmentRules);
    checkOptions(options, createRules);
    if (this.#life.signal.aborted) {
      throw new VlmError(
        "aborted",
        "This FastVlm instance was disposed.",
        "Create another one with createFastVlm.",
      );
    }
    return anySignal(this.#life.signal, options.signal);
  }
}
