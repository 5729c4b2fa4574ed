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
import { imageTokenCount } from "./stages/tiling";
import { inspectModel } from "./loading/inspect";
import { ModelManager } from "./loading/model-manager";
import {
  checkCount,
  checkDescribe,
  checkFrames,
  checkLoad,
  checkSide,
  isFrame,
} from "./validation";
import { Queue } from "./util/queue";
import { takeWasmFrom } from "./ort/runtime";
import { describe } from "./pipeline";
import { checkMessages, countTokens } from "./stages/prompt";
import { removeModel, storedModels } from "./store/folder";
import { askThePage } from "./store/request";

/** The worker's side of the contract. */
export class Api implements VlmWorker {
  #events: MessagePort | undefined;
  readonly #seat = new ModelManager((event) => {
    this.#emit(event);
  });
  readonly #loads = new Queue();
  readonly #runs = new Map<number, AbortController>();
  #load = new AbortController();
  /** Ends with `dispose`. */
  #life = new AbortController();

  connect(events: MessagePort, settings: WorkerSettings = {}): void {
    this.#events = events;
    const { wasmPaths, fetch } = settings;
    if (wasmPaths !== undefined) takeWasmFrom(wasmPaths);
    if (fetch !== undefined) askThePage(fetch);
  }

  /** A load that comes during another ends that one. */
  async load(options: LoadOptions): Promise<ModelInfo> {
    checkLoad(options);
    this.#load.abort();
    const { signal } = (this.#load = new AbortController());
    const life = this.#life.signal;
    return this.#loads.add(async () => {
      try {
        return (await this.#seat.exchange(options, signal, life)).info;
      } catch (error) {
        throw VlmError.from(error);
      }
    });
  }

  async inspect(options: LoadOptions, side?: number): Promise<ModelReport> {
    try {
      checkLoad(options);
      if (side !== undefined) checkSide(side);
      return await inspectModel(options, side, this.#life.signal);
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
    return this.#seat.use(async (model) => {
      try {
        if (model === undefined) throw notLoaded();
        model.gpu?.check();
        const { signal } = controller;
        return await describe(model, frames, options, signal, this.#emit);
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

  abort(run: number): void {
    this.#runs.get(run)?.abort();
  }

  abortLoad(): void {
    this.#load.abort();
  }

  async dispose(): Promise<void> {
    this.#load.abort();
    this.#life.abort();
    this.#life = new AbortController();
    for (const controller of this.#runs.values()) controller.abort();
    await this.#loads.add(() => this.#seat.clear());
  }

  #count(conversation: PromptInput): TokenCount {
    try {
      checkCount(conversation);
      checkMessages(conversation);
      const { model } = this.#seat;
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

/** What was handed over, pictures or not. */
function closeAll(frames: unknown): void {
  if (!Array.isArray(frames)) return;
  for (const frame of frames) if (isFrame(frame)) frame.close();
}

function notLoaded(): VlmError {
  return new VlmError(
    "not-loaded",
    "No model is loaded.",
    "Load a model before asking it to describe a picture.",
  );
}
