import { VlmError } from "../../src/shared/errors";
import type { LoadOptions } from "../../src/shared/protocol";
import { loadModel, prepareModel, type Prepared } from "./load";
import type { Emit } from "./graphs";
import { fitBeside, type Footprint } from "./memory-estimate";
import { LoadedModel } from "./model";
import { Queue } from "../util/queue";

/**
 * The place of the one model: work with it waits its turn, and another takes
 * its place between two turns.
 */
export class ModelManager {
  #model: LoadedModel | undefined;
  readonly #turns = new Queue();
  readonly #emit: Emit;

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /** What sits there now; for what needs no turn of its own. */
  get model(): Pick<LoadedModel, "tokenizer" | "config"> | undefined {
    return this.#model;
  }

  use<T>(job: (model: LoadedModel | undefined) => Promise<T>): Promise<T> {
    return this.#turns.add(() => job(this.#model));
  }

  /**
   * The old model works until the new one does, if there is room for both; else
   * it makes room once the new one is downloaded and checked, and comes back if
   * that fails after all. Browsers do not tell how much room there is: running
   * out of it is a reason to try it in the other way. `life` ends the coming
   * back too.
   */
  async exchange(
    options: LoadOptions,
    signal: AbortSignal,
    life: AbortSignal,
  ): Promise<LoadedModel> {
    const prepare = () => prepareModel(options, signal, this.#emit);
    const next = await prepare();
    const old = this.#model;
    if (old === undefined) return this.#seat(next);
    if (!fitBeside(footprint(old), footprint(next))) {
      return this.#makeRoom(old, next, life);
    }
    try {
      return await this.#seat(next);
    } catch (error) {
      if (VlmError.from(error).code !== "out-of-memory") throw error;
      return this.#makeRoom(old, await prepare(), life);
    }
  }

  async clear(): Promise<void> {
    await this.#turns.add(() => this.#replace(undefined));
  }

  async #seat(next: Prepared): Promise<LoadedModel> {
    const model = await next.start();
    await this.#turns.add(() => this.#replace(model));
    return model;
  }

  #makeRoom(
    old: LoadedModel,
    next: Prepared,
    life: AbortSignal,
  ): Promise<LoadedModel> {
    return this.#turns.add(async () => {
      await this.#replace(undefined);
      try {
        const model = await next.start();
        await this.#replace(model);
        return model;
      } catch (error) {
        throw await this.#bringBack(old, error, life);
      }
    });
  }

  /** `error`, with what became of the model that had made room. */
  async #bringBack(
    { options, info }: LoadedModel,
    error: unknown,
    life: AbortSignal,
  ): Promise<VlmError> {
    const { code, message, advice } = VlmError.from(error);
    const add = (more: string): VlmError =>
      new VlmError(code, `${message} ${more}`, advice, { cause: error });
    try {
      await this.#replace(await loadModel(options, life, this.#emit));
      return add(`${info.name} had made room for it and is loaded again.`);
    } catch (failure) {
      const why = VlmError.from(failure).message;
      return add(
        `${info.name} had made room for it and did not come back: ${why}`,
      );
    }
  }

  async #replace(model: LoadedModel | undefined): Promise<void> {
    const old = this.#model;
    this.#model = model;
    void model?.gpu?.lost.then(({ message }) => {
      this.#emit({ type: "device-lost", message });
    });
    await old?.release();
  }
}

function footprint(model: LoadedModel | Prepared): Footprint {
  const { device } = model instanceof LoadedModel ? model.info : model;
  return { device, bytes: model.needs.total };
}
