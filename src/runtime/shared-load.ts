import { rejectWhenAborted } from "../shared/abort";
import type { LoadOptions, ModelInfo } from "../shared/protocol";

/** One load that several callers wait for; the last to leave aborts it. */
export class SharedLoad {
  readonly options: LoadOptions;
  readonly loaded: Promise<ModelInfo>;
  readonly #controller = new AbortController();
  #waiting = 0;

  /** Calls `onEnd` when nobody can join any more. */
  constructor(
    options: LoadOptions,
    load: (signal: AbortSignal) => Promise<ModelInfo>,
    onEnd: (load: SharedLoad) => void,
  ) {
    const { signal } = this.#controller;
    const end = (): void => onEnd(this);
    this.options = options;
    this.loaded = load(signal);
    this.loaded.then(end, end);
    signal.addEventListener("abort", end, { once: true });
  }

  abort(): void {
    this.#controller.abort();
  }

  async wait(signal: AbortSignal | undefined): Promise<ModelInfo> {
    const leave = (): void => {
      this.#waiting -= 1;
      if (this.#waiting === 0) this.abort();
    };
    this.#waiting += 1;
    signal?.addEventListener("abort", leave, { once: true });
    try {
      return await rejectWhenAborted(this.loaded, signal);
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }
}
