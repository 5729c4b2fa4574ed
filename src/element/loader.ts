import { aborted, anySignal } from "../shared/abort";
import { checkConsent } from "../models/license";
import { licenseOf } from "../models/license";
import { sameLoad } from "../models/source";
import { loadOptions } from "../session/load-options";
import { WorkerHandle } from "../runtime/worker-handle";
import { workerPool } from "../runtime/worker-pool";
import { noProgress } from "../runtime/worker-client";
import { VlmError } from "../shared/errors";
import type { ModelReport } from "../shared/models";
import type { LoadOptions, LoadProgress, ModelInfo } from "../shared/protocol";
import { emit, type ProgressDetail } from "./events";
import type { Attributes, InspectOptions } from "./options";
import { looking } from "./lazy";
import type { Status, StatusHost } from "./status";

/** The element's model: asked for, on its way, in use. */
export class Loader {
  readonly lease: WorkerHandle;
  /** The model in use: also while another one loads, or failed to. */
  info: ModelInfo | undefined;
  progress: ProgressDetail | undefined;
  readonly #host: StatusHost & Attributes;
  readonly #status: Status;
  /** What failed to load last: captions do not try it again. */
  #failed: LoadOptions | undefined;
  #loading: LoadOptions | undefined;
  /** Ends what is being loaded. */
  #cancel = new AbortController();
  #loads = 0;

  constructor(
    host: StatusHost & Attributes,
    status: Status,
    onReady: () => void,
  ) {
    this.#host = host;
    this.#status = status;
    this.lease = new WorkerHandle(workerPool, {
      get worker() {
        return host.worker;
      },
      get wasmPaths() {
        return host.wasmPaths;
      },
      get fetch() {
        return host.fetch;
      },
      onProgress: (event) => this.#progress(event),
      onReady: (info) => {
        this.#ready(info);
        onReady();
      },
      onLost: () => status.know({ loaded: false }),
    });
  }

  /** Loads what the attributes name, until one of the signals aborts. */
  async load(
    ...signals: readonly (AbortSignal | undefined)[]
  ): Promise<ModelInfo> {
    const options = loadOptions(this.#host);
    const either = anySignal(this.#cancel.signal, ...signals);
    if (either.aborted) throw aborted();
    const load = ++this.#loads;
    // Another load that came meanwhile has its own progress and its own end.
    const isLatest = (): boolean => load === this.#loads;
    this.#loading = options;
    try {
      if (!this.lease.has(options)) await this.#checkConsent(options, either);
      return await this.lease.load(options, either);
    } catch (thrown) {
      if (isLatest()) this.#failed = options;
      throw thrown;
    } finally {
      if (isLatest()) this.#idle();
    }
  }

  /** Whether what the attributes name is here, or is on its way. */
  isUnderWay(): boolean {
    const options = loadOptions(this.#host);
    if (this.lease.has(options)) return true;
    return this.#loading !== undefined && sameLoad(this.#loading, options);
  }

  /**
   * For captions: what the attributes name, or what is there if that failed.
   * A live caption does not wait for another model to arrive, either.
   */
  async ready(signal: AbortSignal, live: boolean): Promise<ModelInfo> {
    const options = loadOptions(this.#host);
    const { info } = this;
    const failed = this.#failed && sameLoad(this.#failed, options);
    if (!info || !(failed || live)) return this.load(signal);
    if (!failed && !this.isUnderWay()) {
      this.load(signal).catch((thrown: unknown) =>
        this.#status.report("error", VlmError.from(thrown)),
      );
    }
    return info;
  }

  async inspect(options: InspectOptions): Promise<ModelReport> {
    const { inspectOptions } = await looking();
    const asked = inspectOptions(this.#host, options);
    const size = (options.size ?? this.#host.size) || undefined;
    const report = await this.lease.inspect(asked, size, options.signal);
    // What is asked to be agreed to is what a load checks.
    const license = licenseOf(asked.model) ?? report.license;
    return license ? { ...report, license } : report;
  }

  /** What is being loaded rejects with `aborted`; what arrived is kept. */
  cancel(): void {
    this.#cancel.abort();
    this.#cancel = new AbortController();
  }

  dispose(): void {
    this.cancel();
    this.lease.release();
    this.info = undefined;
    this.progress = undefined;
    this.#loading = undefined;
    this.#failed = undefined;
  }

  /** Before a byte of the weights moves. */
  #checkConsent(options: LoadOptions, signal: AbortSignal): Promise<void> {
    const { model } = options;
    return checkConsent(model, this.#host.modelBase, () => {
      this.#progress(noProgress);
      return this.lease.inspect(options, undefined, signal);
    });
  }

  #progress(event: LoadProgress): void {
    // Once the worker starts; what fails is tried again with the first picture.
    if (event === noProgress) looking().catch(() => undefined);
    const { words } = this.#status;
    if (!this.progress) this.#status.announce(words.phases.loading, words.lang);
    this.progress = event;
    const loading = event.phase === "warming" ? "warming" : "loading";
    this.#status.know({ loading });
    emit(this.#host, "modelprogress", event);
  }

  #ready(info: ModelInfo): void {
    this.info = info;
    this.#failed = undefined;
    this.#idle({ loaded: true });
    emit(this.#host, "ready", info);
    const { words } = this.#status;
    this.#status.announce(words.modelReady, words.lang);
  }

  #idle(news: { loaded?: boolean } = {}): void {
    this.progress = undefined;
    this.#loading = undefined;
    this.#status.know({ loading: undefined, ...news });
  }
}
