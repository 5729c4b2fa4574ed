import { awaitsConsent, checkConsent } from "../models/license";
import type { FolderFiles } from "../models/folder";
import { loadOptions } from "./load-options";
import { checkSide } from "./run-options";
import { WorkerHandle } from "../runtime/worker-handle";
import { workerPool } from "../runtime/worker-pool";
import { aborted, anySignal } from "../shared/abort";
import type { WorkerStart } from "../runtime/start-worker";
import { VlmError, type ErrorCode } from "../shared/errors";
import type { DeviceChoice } from "../shared/models";
import type { LoadOptions } from "../shared/protocol";
import { assertOptions, type OptionTypes } from "./validation";
import { DownloadProgress, type DownloadMonitor } from "./download-monitor";
import { Session } from "./session";

/** Where things are, and how they come. */
export interface FastVlmOptions extends WorkerStart {
  /** Where `models/NAME/` of carried models is; beside the page. */
  readonly modelBase?: string | undefined;
  /** Endpoint of another hub than huggingface.co. */
  readonly hub?: string | undefined;
}

/** Which model, and how it is to run. */
export interface AvailabilityOptions {
  /**
   * A registered name, `owner/name[@revision]` on the hub, or the address of a
   * folder.
   */
  readonly model?: string | undefined;
  /** Files of a folder of this machine, instead of `model`. */
  readonly folder?: FolderFiles | undefined;
  /** `auto`, `fp32`, …, or by graph: `vision_encoder=fp16,…`. */
  readonly dtype?: string | undefined;
  /** What it is to run on; `auto`. */
  readonly device?: DeviceChoice | undefined;
  /** `plain` to run the graphs as they were published. */
  readonly path?: "auto" | "plain" | undefined;
  /** Side of the encoder's input in pixels, a multiple of 64; the model's. */
  readonly size?: number | undefined;
  /** Aborted, it rejects with `aborted`. */
  readonly signal?: AbortSignal | undefined;
}

export interface CreateOptions extends AvailabilityOptions {
  /** Is handed an event target that tells of the download. */
  readonly monitor?: ((monitor: DownloadMonitor) => void) | undefined;
}

/**
 * `available`: all of it is kept here, or loaded; `downloadable`: it has to
 * come first, or somebody has to agree to its licence; `downloading`: this page
 * is about to; `unavailable`: it cannot run here, or cannot be had now.
 */
export type Availability =
  "unavailable" | "downloadable" | "downloading" | "available";

const ownKinds: OptionTypes = {
  worker: "function",
  wasmPaths: "text",
  fetch: "function",
  modelBase: "text",
  hub: "text",
};

const createKinds: OptionTypes = {
  model: "text",
  folder: "object",
  dtype: "text",
  device: "text",
  path: "text",
  size: "number",
  signal: "signal",
  monitor: "function",
};

/** A model that fails so cannot be had here and now. */
const unavailable: readonly ErrorCode[] = [
  "download-failed",
  "model-corrupt",
  "model-file-missing",
  "model-mismatch",
  "offline",
  "unsupported",
  "webgpu-unavailable",
];

/** Behind `createFastVlm`. */
export class SessionFactory {
  readonly #options: FastVlmOptions;
  readonly #open = new Set<Session>();
  readonly #life = new AbortController();
  /** Asks about models, until a session has a worker. */
  readonly #inquiry;

  /** Throws `bad-option`. */
  constructor(options: FastVlmOptions) {
    assertOptions(options, ownKinds);
    this.#options = options;
    this.#inquiry = new WorkerHandle(workerPool, options);
  }

  async availability(options: AvailabilityOptions): Promise<Availability> {
    const signal = this.#until(options);
    if (signal.aborted) throw aborted();
    try {
      const wanted = this.#wanted(options);
      const known = workerPool.stateOf(this.#options, wanted);
      if (known) return known === "loaded" ? "available" : "downloading";
      const { size } = options;
      const report = await this.#inquiry.inspect(wanted, size, signal);
      const { chosen, obstacle } = report;
      if (!chosen || obstacle !== undefined) return "unavailable";
      const { modelBase = "" } = this.#options;
      const isHere = chosen.missing === 0;
      return isHere && !awaitsConsent(wanted.model, modelBase, report)
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
    const { size, monitor } = options;
    const wanted = this.#wanted(options);
    if (size !== undefined) checkSide(size);
    const monitored = new DownloadProgress(monitor);
    if (signal.aborted) throw aborted();
    const { worker, wasmPaths, fetch, modelBase = "" } = this.#options;
    const onProgress = monitored.hear.bind(monitored);
    const lease = new WorkerHandle(workerPool, {
      worker,
      wasmPaths,
      fetch,
      onProgress,
    });
    try {
      monitored.begin();
      await checkConsent(wanted.model, modelBase, () =>
        lease.inspect(wanted, undefined, signal),
      );
      const info = await lease.load(wanted, signal);
      monitored.end();
      const session = new Session(lease, info, size, () =>
        this.#open.delete(session),
      );
      this.#open.add(session);
      this.#inquiry.release();
      return session;
    } catch (thrown) {
      lease.release();
      throw thrown;
    }
  }

  dispose(): void {
    this.#life.abort();
    this.#inquiry.release();
    for (const session of this.#open) session.dispose();
  }

  #wanted({
    model = "",
    folder,
    device = "auto",
    dtype = "auto",
    path = "auto",
  }: AvailabilityOptions): LoadOptions {
    const { hub = "", modelBase = "" } = this.#options;
    return loadOptions({ model, hub, modelBase, folder, device, dtype, path });
  }

  /** Throws for options that are none, and once this is disposed of. */
  #until(options: AvailabilityOptions): AbortSignal {
    assertOptions(options, createKinds);
    if (this.#life.signal.aborted) {
      throw new VlmError(
        "aborted",
        "What opens sessions was disposed of.",
        "Make another one with createFastVlm.",
      );
    }
    return anySignal(this.#life.signal, options.signal);
  }
}
