import { VlmError } from "../src/shared/errors";
import type { ModelReport, StoredModel } from "../src/shared/models";
import type {
  Answer,
  DescribeOptions,
  Frame,
  LoadOptions,
  ModelInfo,
  VlmWorker,
  WorkerEvent,
} from "../src/shared/protocol";
import { inspectModel } from "./loading/inspect";
import { ModelSeat } from "./loading/seat";
import {
  checkDescribe,
  checkFrames,
  checkLoad,
  checkSide,
  isFrame,
} from "./options";
import { Queue } from "./ort/queue";
import { describe } from "./pipeline";
import { removeModel, storedModels } from "./store/folder";

/** The worker's side of the contract. */
export class Api implements VlmWorker {
  #events: MessagePort | undefined;
  readonly #seat = new ModelSeat((event) => {
    this.#emit(event);
  });
  readonly #loads = new Queue();
  readonly #runs = new Map<number, AbortController>();
  #load = new AbortController();
  /** Ends with `dispose`. */
  #life = new AbortController();

  connect(events: MessagePort): void {
    this.#events = events;
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
    options: DescribeOptions,
  ): Promise<Answer> {
    try {
      checkDescribe(options);
      checkFrames(frames, options);
    } catch (error) {
      closeAll(frames);
      throw error;
    }
    const controller = new AbortController();
    this.#runs.set(options.run, controller);
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
        this.#runs.delete(options.run);
      }
    });
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
