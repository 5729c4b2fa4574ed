import { notLoaded, VlmError } from "../src/shared/errors";
import { Mutex } from "../src/shared/mutex";
import type { ModelReport, StoredModel } from "../src/shared/models";
import type {
  Answer,
  EventMessage,
  Frame,
  GenerateOptions,
  LoadOptions,
  ModelInfo,
  PromptInput,
  TokenCount,
  VlmWorker,
  WorkerSettings,
} from "../src/shared/protocol";
import { inspectModel } from "./loading/inspect";
import { ModelManager } from "./loading/model-manager";
import {
  checkPromptInput,
  checkRequest,
  checkFrames,
  checkLoad,
  checkSize,
  isFrame,
} from "./validation";
import { setWasmFolder } from "./ort/runtime";
import { generate } from "./pipeline";
import { countTokens } from "./stages/prompt";
import { imageTokenCount } from "./stages/tiling";
import { openStore } from "./store/open-folder";
import { realNet, usePageFetch } from "./store/request";

/** The functions that the worker exposes to the page. */
export class Api implements VlmWorker {
  /** Receives every event, synchronously. */
  onEvent: (message: EventMessage) => void = () => undefined;
  readonly #models = new ModelManager((event) => this.onEvent({ event }));
  readonly #requests = new Map<number, AbortController>();
  readonly #loads = new Mutex();
  #load = new AbortController();
  /** Aborted by `dispose`. */
  #lifetime = new AbortController();

  constructor() {
    realNet.limits.listen((retryIn) => {
      const left = retryIn === undefined ? {} : { retryIn };
      this.onEvent({ event: { type: "waiting", ...left } });
    });
  }

  configure({ wasmPaths, fetch }: WorkerSettings): void {
    if (wasmPaths !== undefined) setWasmFolder(wasmPaths);
    if (fetch !== undefined) usePageFetch(fetch);
  }

  async load(options: LoadOptions): Promise<ModelInfo> {
    checkLoad(options);
    this.#load.abort();
    const { signal } = (this.#load = new AbortController());
    const lifetime = this.#lifetime.signal;
    return rethrow(async () => {
      const { info } = await this.#loads.run(() =>
        this.#models.load(options, signal, lifetime),
      );
      return info;
    });
  }

  inspect(
    requestId: number,
    options: LoadOptions,
    size?: number,
  ): Promise<ModelReport> {
    return this.#request(requestId, (signal) =>
      rethrow(() => {
        checkLoad(options);
        if (size !== undefined) checkSize(size);
        return inspectModel(options, size, signal);
      }),
    );
  }

  stored(): Promise<StoredModel[]> {
    return rethrow(async () => (await openStore()).list());
  }

  remove(key: string): Promise<void> {
    return rethrow(async () => (await openStore()).remove(key));
  }

  async generate(
    requestId: number,
    frames: readonly Frame[],
    options: GenerateOptions,
  ): Promise<Answer> {
    try {
      return await this.#request(requestId, (signal) => {
        checkRequest(options);
        checkFrames(frames, options);
        return this.#models.use(async (model) => {
          if (model === undefined) throw notLoaded();
          try {
            model.gpu?.check();
            return await generate(model, frames, options, signal, (event) =>
              this.onEvent({ event, requestId }),
            );
          } catch (error) {
            throw (await model.gpu?.explain(error)) ?? VlmError.from(error);
          }
        });
      });
    } finally {
      closeAll(frames);
    }
  }

  count(conversation: PromptInput): Promise<TokenCount> {
    return rethrow(() => {
      checkPromptInput(conversation);
      const { model } = this.#models;
      if (model === undefined) throw notLoaded();
      const { tokenizer, config } = model;
      const perImage = imageTokenCount(conversation);
      const { contextLength } = config;
      return countTokens(tokenizer, conversation, perImage, contextLength);
    });
  }

  abort(requestId: number): void {
    this.#requests.get(requestId)?.abort();
  }

  abortLoad(): void {
    this.#load.abort();
  }

  async dispose(): Promise<void> {
    this.#load.abort();
    this.#lifetime.abort();
    this.#lifetime = new AbortController();
    for (const controller of this.#requests.values()) controller.abort();
    await this.#loads.run(() => this.#models.unload());
  }

  /** Runs `work` with a signal that `abort` aborts. */
  async #request<T>(
    requestId: number,
    work: (signal: AbortSignal) => T | Promise<T>,
  ): Promise<T> {
    const controller = new AbortController();
    this.#requests.set(requestId, controller);
    try {
      return await work(controller.signal);
    } finally {
      this.#requests.delete(requestId);
    }
  }
}

/** Turns whatever `work` throws into a `VlmError`. */
async function rethrow<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw VlmError.from(error);
  }
}

/** Accepts anything: the arguments come from another thread. */
function closeAll(frames: unknown): void {
  if (!Array.isArray(frames)) return;
  for (const frame of frames) if (isFrame(frame)) frame.close();
}
