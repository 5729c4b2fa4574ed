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
import { inspectModel } from "./inspect";
import { loadModel, prepareModel, type Prepared } from "./load";
import { fitBeside, type Footprint } from "./memory-estimate";
import { Model } from "./model";
import { checkDescribe, checkLoad, checkSide } from "./options";
import { Queue } from "./ort/queue";
import { describe } from "./pipeline";
import { removeModel, storedModels } from "./store/folder";

/** The worker's side of the contract: what is loaded, and whose turn it is. */
export class Api implements VlmWorker {
  #events: MessagePort | undefined;
  #model: Model | undefined;
  /** Runs, and the replacing of the model between two of them. */
  readonly #turns = new Queue();
  readonly #loads = new Queue();
  readonly #runs = new Map<number, AbortController>();
  #load = new AbortController();
  /** Ends with `dispose`. */
  #life = new AbortController();

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
        const prepared = await prepareModel(options, signal, this.#emit);
        return (await this.#exchange(prepared)).info;
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
    this.#life.abort();
    this.#life = new AbortController();
    for (const controller of this.#runs.values()) controller.abort();
    await this.#loads.add(() =>
      this.#turns.add(() => this.#replace(undefined)),
    );
  }

  readonly #emit = (event: WorkerEvent): void => {
    this.#events?.postMessage(event);
  };

  /** The old model works until the new one does, if there is room for both;
   * else it makes room now, and comes back if the new one fails. */
  async #exchange(next: Prepared): Promise<Model> {
    const old = this.#model;
    if (old === undefined || fitBeside(footprint(old), footprint(next))) {
      const model = await next.start();
      await this.#turns.add(() => this.#replace(model));
      return model;
    }
    const { signal } = this.#life;
    return this.#turns.add(async () => {
      await this.#replace(undefined);
      try {
        const model = await next.start();
        await this.#replace(model);
        return model;
      } catch (error) {
        throw await this.#bringBack(old, error, signal);
      }
    });
  }

  /** `error`, with what became of the model that had made room. */
  async #bringBack(
    { options, info }: Model,
    error: unknown,
    signal: AbortSignal,
  ): Promise<VlmError> {
    const { code, message, advice } = VlmError.from(error);
    const add = (more: string): VlmError =>
      new VlmError(code, `${message} ${more}`, advice, { cause: error });
    try {
      await this.#replace(await loadModel(options, signal, this.#emit));
      return add(`${info.name} made room for it and is loaded again.`);
    } catch (failure) {
      const why = VlmError.from(failure).message;
      return add(`${info.name} made room for it and did not come back: ${why}`);
    }
  }

  async #replace(model: Model | undefined): Promise<void> {
    const old = this.#model;
    this.#model = model;
    void model?.gpu?.lost.then(({ message }) => {
      this.#emit({ type: "device-lost", message });
    });
    await old?.release();
  }
}

function footprint(model: Model | Prepared): Footprint {
  const { device } = model instanceof Model ? model.info : model;
  return { device, bytes: model.needs.total };
}

function notLoaded(): VlmError {
  return new VlmError(
    "not-loaded",
    "No model is loaded.",
    "Load a model before asking it to describe a picture.",
  );
}
