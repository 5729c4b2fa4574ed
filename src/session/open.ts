import type {
  Availability,
  AvailabilityOptions,
  CreateOptions,
  FastVlmOptions,
} from "../create-fast-vlm";
import { checkConsent } from "../models/consent";
import { badOption, loadOptions } from "../options";
import { pool } from "../runtime/pool";
import { aborted } from "../runtime/queue";
import { VlmError, type ErrorCode } from "../shared/errors";
import type { LoadOptions } from "../shared/protocol";
import { Monitored } from "./monitor";
import { Session } from "./session";

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
export class Sessions {
  readonly #options: FastVlmOptions;
  readonly #open = new Set<Session>();
  readonly #life = new AbortController();
  /** Asks about models, until a session has a worker. */
  readonly #inquiry;

  constructor(options: FastVlmOptions) {
    this.#options = options;
    this.#inquiry = pool.lease(options);
  }

  async availability(options: AvailabilityOptions): Promise<Availability> {
    const signal = this.#until(options.signal);
    if (signal.aborted) throw aborted();
    try {
      const wanted = this.#wanted(options);
      const known = pool.stateOf(this.#options, wanted);
      if (known) return known === "loaded" ? "available" : "downloading";
      const { size } = options;
      const report = await this.#inquiry.inspect(wanted, size, signal);
      const { chosen, obstacle } = report;
      if (!chosen || obstacle !== undefined) return "unavailable";
      return chosen.missing === 0 ? "available" : "downloadable";
    } catch (thrown) {
      const error = VlmError.from(thrown);
      if (unavailable.includes(error.code)) return "unavailable";
      throw error;
    }
  }

  async create(options: CreateOptions): Promise<Session> {
    const signal = this.#until(options.signal);
    const { size, monitor } = options;
    const wanted = this.#wanted(options);
    if (size !== undefined && !(size > 0 && size % 64 === 0)) {
      throw badOption(
        `The encoder cannot take pictures of side ${size}.`,
        "Choose a multiple of 64.",
      );
    }
    const monitored = new Monitored(monitor);
    if (signal.aborted) throw aborted();
    const { worker, wasmPaths, fetch, modelBase = "" } = this.#options;
    const onProgress = monitored.hear.bind(monitored);
    const lease = pool.lease({ worker, wasmPaths, fetch, onProgress });
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

  #until(signal: AbortSignal | undefined): AbortSignal {
    const life = this.#life.signal;
    return signal ? AbortSignal.any([signal, life]) : life;
  }
}
