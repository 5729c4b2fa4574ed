import { VlmError } from "../src/shared/errors";
import type { ModelReport, StoredModel } from "../src/shared/models";
import type {
  Answer,
  PromptInput,
  GenerateOptions,
  Frame,
  LoadOptions,
  ModelInfo,
  TokenCount,
  VlmWorker,
  WorkerEvent,
  WorkerSettings,
} from "../src/shared/protocol";
import { inspectModel } from "./loading/inspect";
import { ModelManager } from "./loading/model-manager";
import {
  checkCount,
  checkDescribe,
  checkFrames,
  checkLoad,
  checkSize,
  isFrame,
} from "./validation";
import { setWasmFolder } from "./ort/runtime";
import { generate } from "./pipeline";
import { checkMessages, countTokens } from "./stages/prompt";
import { imageTokenCount } from "./stages/tiling";
import { removeModel, storedModels } from "./store/open-folder";
import { usePageFetch } from "./store/request";
import { Queue } from "./util/queue";

/** The functions that the worker exposes to the page. */
export class Api implements VlmWorker {
  #events: MessagePort | undefined;
  readonly #models = new ModelManager((event) => {
    this.#emit(event);
  });
  readonly #loads = new Queue();
  readonly #runs = new Map<number, AbortController>();
  #load = new AbortController();
  /** Aborted by `dispose`. */
  #lifetime = new AbortController();

  connect(events: MessagePort, settings: WorkerSettings = {}): void {
    this.#events = events;
    const { wasmPaths, fetch } = settings;
    if (wasmPaths !== undefined) setWasmFolder(wasmPaths);
    if (fetch !== undefined) usePageFetch(fetch);
  }

  /** Aborts a load in progress. */
  async load(options: LoadOptions): Promise<ModelInfo> {
    checkLoad(options);
    this.#load.abort();
    const { signal } = (this.#load = new AbortController());
    const lifetime = this.#lifetime.signal;
    return this.#loads.add(async () => {
      try {
        return (await this.#models.load(options, signal, lifetime)).info;
      } catch (error) {
        throw VlmError.from(error);
      }
    });
  }

  async inspect(options: LoadOptions, size?: number): Promise<ModelReport> {
    try {
      checkLoad(options);
      if (size !== undefined) checkSize(size);
      return await inspectModel(options, size, this.#lifetime.signal);
    } catch (error) {
      throw VlmError.from(error);
    }
  }

  async stored(): Promise<StoredModel[]> {
    try {
      return await storedModels();
    } catch (error) {
      throw VlmError.from(error);
    }
  }

  async remove(key: string): Promise<void> {
    try {
      await removeModel(key);
    } catch (error) {
      throw VlmError.from(error);
    }
  }

  async describe(
    frames: readonly Frame[],
    options: GenerateOptions,
  ): Promise<Answer> {
    try {
      checkDescribe(options);
      checkFrames(frames, options);
    } catch (error) {
      closeAll(frames);
      throw error;
    }
    const controller = new AbortController();
    this.#runs.set(options.requestId, controller);
    return this.#models.use(async (model) => {
      try {
        if (model === undefined) throw notLoaded();
        model.gpu?.check();
        const { signal } = controller;
        return await generate(model, frames, options, signal, this.#emit);
      } catch (error) {
        throw (await model?.gpu?.explain(error)) ?? VlmError.from(error);
      } finally {
        closeAll(frames);
        this.#runs.delete(options.requestId);
      }
    });
  }

  count(conversation: PromptInput): Promise<TokenCount> {
    return new Promise((resolve) => resolve(this.#count(conversation)));
  }

  abort(requestId: number): void {
    this.#runs.get(requestId)?.abort();
  }

  abortLoad(): void {
    this.#load.abort();
  }

  async dispose(): Promise<void> {
    this.#load.abort();
    this.#lifetime.abort();
    this.#lifetime = new AbortController();
    for (const controller of this.#runs.values()) controller.abort();
    await this.#loads.add(() => this.#models.unload());
  }

  #count(conversation: PromptInput): TokenCount {
    try {
      checkCount(conversation);
      checkMessages(conversation);
      const { model } = this.#models;
      if (model === undefined) throw notLoaded();
      const { tokenizer, config } = model;
      const perImage = imageTokenCount(conversation);
      const { contextLength } = config;
      return countTokens(tokenizer, conversation, perImage, contextLength);
    } catch (error) {
      throw VlmError.from(error);
    }
  }

  readonly #emit = (event: WorkerEvent): void => {
    this.#events?.postMessage(event);
  };
}

/** Closes whatever of the argument is a frame. */
function closeAll(frames: unknown): void {
  if (!Array.isArray(frames)) return;
  for (const frame of frames) if (isFrame(frame)) frame.close();
}

function notLoaded(): VlmError {
  return new VlmError(
    "not-loaded",
    "No model is loaded.",
    "Load a model first.",
  );
}
