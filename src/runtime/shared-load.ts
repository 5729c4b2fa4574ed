import { rejectWhenAborted } from "./abortable";
import type { LoadOptions, ModelInfo } from "../shared/protocol";

/** A load on its way: who wants it waits together, and the last to leave ends
 * it. */
export class SharedLoad {
  readonly options: LoadOptions;
  readonly loaded: Promise<ModelInfo>;
  readonly #controller = new AbortController();
  #waiting = 0;

  /** `onEnd` when nobody can join it any more. */
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

  end(): void {
    this.#controller.abort();
  }

  async wait(signal: AbortSignal | undefined): Promise<ModelInfo> {
    const leave = (): void => {
      this.#waiting -= 1;
      if (this.#waiting === 0) this.end();
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
