import { TransferRate } from "../store/progress";

/** ONNX Runtime's .wasm file, while it is downloaded and after. */
export class WasmDownload {
  /** Resolves with the response when its head has arrived. Its body is untouched. */
  readonly response: Promise<Response>;
  /** Bytes of the file. A compressed response does not tell. */
  readonly total: number;
  /** Called when bytes arrive. */
  onBytes: () => void = () => undefined;
  readonly #rate = new TransferRate();
  #loaded = 0;

  constructor(url: string, total: number) {
    this.total = total;
    this.response = this.#fetch(url);
    // Reported to those who wait for it.
    this.response.catch(() => undefined);
  }

  /** Bytes so far. */
  get loaded(): number {
    return Math.min(this.#loaded, this.total);
  }

  /** Bytes per second over the last seconds. */
  get rate(): number {
    const complete = this.#loaded >= this.total;
    return complete ? 0 : Math.round(this.#rate.at(performance.now()));
  }

  async #fetch(url: string): Promise<Response> {
    const response = await fetch(url, { credentials: "same-origin" });
    if (!response.ok) throw new Error(`HTTP ${response.status} for ${url}`);
    // The browser caches compiled code only for its own response, not for one
    // that is constructed from counted chunks.
    const copy = response.clone();
    // ONNX Runtime reports a body that breaks off.
    this.#count(copy).catch(() => undefined);
    return response;
  }

  async #count({ body }: Response): Promise<void> {
    const reader = body?.getReader();
    for (;;) {
      const chunk = await reader?.read();
      if (chunk?.value === undefined) break;
      this.#loaded += chunk.value.length;
      this.#rate.add(chunk.value.length, performance.now());
      this.onBytes();
    }
    this.#loaded = this.total;
    this.onBytes();
  }
}

/**
 * ONNX Runtime fetches its .wasm file itself when it starts. Answers that one
 * request with `response`.
 */
export function answerFetch(url: string, response: Response): void {
  const { fetch } = globalThis;
  globalThis.fetch = (input, init) => {
    if (input !== url) return fetch(input, init);
    globalThis.fetch = fetch;
    return Promise.resolve(response);
  };
}
