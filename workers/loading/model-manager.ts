import { VlmError } from "../../src/shared/errors";
import type { LoadOptions } from "../../src/shared/protocol";
import { Mutex } from "../../src/shared/mutex";
import {
  gpuFailureReason,
  loadModel,
  prepareModel,
  type PreparedModel,
} from "./load";
import type { Emit } from "./load-reporter";
import { LoadedModel } from "./loaded-model";
import { fitTogether, type Footprint } from "./memory-estimate";
import type { Upgrade } from "./open-model";

/** Holds the current model. A request and the replacement of the model exclude
 * each other; the files of the next model are prepared meanwhile. */
export class ModelManager {
  #model: LoadedModel | undefined;
  readonly #mutex = new Mutex();
  readonly #emit: Emit;
  /** Settles when no backend is being prepared for the current model. */
  #upgrading: Promise<void> = Promise.resolve();

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /** The current model, for work that does not have to wait for requests. */
  get model(): Pick<LoadedModel, "tokenizer" | "config"> | undefined {
    return this.#model;
  }

  /** Runs a request on the current model. */
  use<T>(request: (model: LoadedModel | undefined) => Promise<T>): Promise<T> {
    return this.#mutex.run(() => request(this.#model));
  }

  /**
   * Replaces the model.
   *
   * If there is memory for both, the old model answers requests until the new
   * one is ready. Otherwise, or if that runs out of memory, the old model is
   * freed once the new one is downloaded and checked, and is loaded again if
   * the new one fails to open; `lifetime` aborts that second load.
   */
  async load(
    options: LoadOptions,
    signal: AbortSignal,
    lifetime: AbortSignal,
  ): Promise<LoadedModel> {
    const prepare = () => prepareModel(options, signal, this.#emit);
    const next = await prepare();
    // The caller has aborted the load that started it, so this does not take long.
    await this.#upgrading;
    const old = this.#model;
    if (old === undefined) return this.#openBeside(next);
    const fits = fitTogether(footprint(old), footprint(next));
    if (!fits) return this.#openAfterFreeing(old, next, lifetime);
    try {
      return await this.#openBeside(next, true);
    } catch (error) {
      if (VlmError.from(error).code !== "out-of-memory") throw error;
      return this.#openAfterFreeing(old, await prepare(), lifetime);
    }
  }

  async unload(): Promise<void> {
    await this.#upgrading;
    await this.#mutex.run(() => this.#replace(undefined));
  }

  async #openBeside(
    next: PreparedModel,
    canFreeMemory = false,
  ): Promise<LoadedModel> {
    const how = { canFreeMemory, answersEarly: true };
    const { model, upgrade } = await next.open(how);
    await this.#mutex.run(() => this.#replace(model));
    if (upgrade) this.#upgrading = this.#upgrade(model, upgrade);
    return model;
  }

  /** Prepares another backend for `model`, and replaces it. Never rejects. */
  async #upgrade(model: LoadedModel, upgrade: Upgrade): Promise<void> {
    let current = model;
    try {
      const result = await upgrade((work) => this.#mutex.run(work));
      if (result.kind === "opened") {
        current = result.model;
        current.measureMemory();
        await this.#mutex.run(() => this.#changeBackend(current));
      } else {
        keepFirst(model, result.reason);
      }
    } catch (error) {
      keepFirst(model, VlmError.from(error).message);
    }
    const { info } = current;
    this.#emit({ type: "backend", info });
  }

  #openAfterFreeing(
    old: LoadedModel,
    next: PreparedModel,
    lifetime: AbortSignal,
  ): Promise<LoadedModel> {
    return this.#mutex.run(async () => {
      await this.#replace(undefined);
      try {
        const { model } = await next.open();
        await this.#replace(model);
        return model;
      } catch (error) {
        throw await this.#restore(old, error, lifetime);
      }
    });
  }

  /** Loads the old model again. Returns `error` with the outcome added. */
  async #restore(
    { options, info }: LoadedModel,
    error: unknown,
    lifetime: AbortSignal,
  ): Promise<VlmError> {
    const { code, message, advice } = VlmError.from(error);
    const add = (outcome: string): VlmError =>
      new VlmError(code, `${message} ${outcome}`, advice, { cause: error });
    try {
      await this.#replace(await loadModel(options, lifetime, this.#emit));
      return add(
        `${info.name} was unloaded to make room and has been loaded again.`,
      );
    } catch (failure) {
      const why = VlmError.from(failure).message;
      return add(
        `${info.name} was unloaded to make room and failed to load again: ${why}`,
      );
    }
  }

  async #replace(model: LoadedModel | undefined): Promise<void> {
    const old = this.#use(model);
    await old?.release();
  }

  /** Keeps the files of the model in use, which both backends read. */
  async #changeBackend(model: LoadedModel): Promise<void> {
    const old = this.#use(model);
    await old?.free();
  }

  /** Returns the model that was in use. */
  #use(model: LoadedModel | undefined): LoadedModel | undefined {
    const old = this.#model;
    this.#model = model;
    void model?.gpu?.lost.then(({ message }) => {
      this.#emit({ type: "device-lost", message });
    });
    return old;
  }
}

/** The backend that was prepared for this model cannot be used. */
function keepFirst(model: LoadedModel, reason: string): void {
  const { device, preparing } = model.info;
  if (device === "wasm" && preparing === "webgpu")
    model.keepDevice(gpuFailureReason(reason));
  else model.keepBackend(reason);
}

function footprint(model: LoadedModel | PreparedModel): Footprint {
  const { device } = model instanceof LoadedModel ? model.info : model;
  return { device, bytes: model.needs.total };
}
