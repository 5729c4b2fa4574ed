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
import { loadModel } from "./load";
import type { Model } from "./model";
import { checkDescribe, checkLoad } from "./options";
import { Queue } from "./ort/queue";
import { describe } from "./pipeline";

/** The worker's side of the contract: what is loaded, and whose turn it is. */
export class Api implements VlmWorker {
  #events: MessagePort | undefined;
  #model: Model | undefined;
  /** Runs, and the replacing of the model between two of them. */
  readonly #turns = new Queue();
  readonly #loads = new Queue();
  readonly #runs = new Map<number, AbortController>();
  #load = new AbortController();

  connect(events: MessagePort): void {
    this.#events = events;
  }

  /** A load that comes during another ends that one. */
  load(options: LoadOptions): Promise<ModelInfo> {
    this.#load.abort();
    const { signal } = (this.#load = new AbortController());
    return this.#loads.add(async () => {
      try {
        checkLoad(options);
        const model = await loadModel(options, signal, this.#emit);
        await this.#turns.add(() => this.#replace(model));
        return model.info;
      } catch (error) {
        throw VlmError.from(error);
      }
    });
  }

  async inspect(options: LoadOptions): Promise<ModelReport> {
    checkLoad(options);
    await Promise.resolve();
    throw new VlmError("unsupported", "Not yet.", "Load the model.");
  }

  stored(): Promise<StoredModel[]> {
    return Promise.resolve([]);
  }

  async remove(): Promise<void> {
    await Promise.resolve();
  }

  describe(
    frames: readonly Frame[],
    options: DescribeOptions,
  ): Promise<Answer> {
    const controller = new AbortController();
    this.#runs.set(options.run, controller);
    return this.#turns.add(async () => {
      const model = this.#model;
      try {
        checkDescribe(options);
        if (model === undefined) throw notLoaded();
        model.gpu?.check();
        const { signal } = controller;
        return await describe(model, frames, options, signal, this.#emit);
      } catch (error) {
        throw (await model?.gpu?.explain(error)) ?? VlmError.from(error);
      } finally {
        for (const frame of frames) frame.close();
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
    for (const controller of this.#runs.values()) controller.abort();
    await this.#loads.add(() =>
      this.#turns.add(() => this.#replace(undefined)),
    );
  }

  readonly #emit = (event: WorkerEvent): void => {
    this.#events?.postMessage(event);
  };

  async #replace(model: Model | undefined): Promise<void> {
    const old = this.#model;
    this.#model = model;
    void model?.gpu?.lost.then(({ message }) => {
      this.#emit({ type: "device-lost", message });
    });
    await old?.release();
  }
}

function notLoaded(): VlmError {
  return new VlmError(
    "not-loaded",
    "No model is loaded.",
    "Load a model before asking it to describe a picture.",
  );
}
