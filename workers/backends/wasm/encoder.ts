import type { Tensor, Tensors } from "../../ort/tensor";
import { at } from "../../util/assert";
import { checkpoint, Stopped } from "../../util/scheduler";
import { imageTokensForSize, type Encoder } from "../backend";
import { planForSize } from "../encoder-size";
import type { EncoderPlan } from "./encoder-plan";
import { paddedChannels } from "./encoder-weights";
import type { BoundProgram } from "./encoder-program";
import type { WasmMemory } from "./memory";
import type { WasmRuntime } from "./runtime";

/** Milliseconds between two checks of the signal. */
const CHECK_EVERY = 30;

/** Runs the vision encoder with our kernels. */
export class WasmEncoder implements Encoder {
  readonly #runtime: WasmRuntime;
  readonly #tensors: Tensors;
  readonly #plan: EncoderPlan;
  /** Addresses by name. */
  readonly #weights: ReadonlyMap<string, number>;
  /** By input size, for the current arena. */
  readonly #programs = new Map<number, BoundProgram>();
  #arena: { readonly address: number; readonly bytes: number } | undefined;

  private constructor(
    runtime: WasmRuntime,
    tensors: Tensors,
    plan: EncoderPlan,
    weights: ReadonlyMap<string, number>,
  ) {
    this.#runtime = runtime;
    this.#tensors = tensors;
    this.#plan = plan;
    this.#weights = weights;
  }

  /** Reads the weights. `onWeight` is called before each and may throw. */
  static async open(
    runtime: WasmRuntime,
    tensors: Tensors,
    plan: EncoderPlan,
    onWeight: () => void,
  ): Promise<WasmEncoder> {
    const { memory } = runtime;
    const weights = new Map<string, number>();
    try {
      for (const { name, length, write } of plan.weights) {
        onWeight();
        const address = memory.allocate(length * 4);
        weights.set(name, address);
        memory.floats(address, length).fill(0);
        await write(() => memory.floats(address, length));
      }
    } catch (error) {
      freeAll(memory, weights);
      throw error;
    }
    return new WasmEncoder(runtime, tensors, plan, weights);
  }

  async encode(pixels: Tensor, signal?: AbortSignal): Promise<Tensor> {
    if (signal?.aborted === true) throw new Stopped();
    const { memory, pool } = this.#runtime;
    const size = at(pixels.dims, 3);
    const program = this.#programFor(size);
    const image = pixels.data as Float32Array;
    memory.floats(program.pixels, image.length).set(image);
    let checked = performance.now();
    for (const { run } of program.steps) {
      run(pool);
      if (signal === undefined || performance.now() - checked < CHECK_EVERY)
        continue;
      await checkpoint(signal);
      checked = performance.now();
    }
    return this.#features(program.features, imageTokensForSize(size));
  }

  release(): Promise<void> {
    const { memory } = this.#runtime;
    freeAll(memory, this.#weights);
    if (this.#arena !== undefined) memory.free(this.#arena.address);
    this.#arena = undefined;
    return Promise.resolve();
  }

  #features(address: number, tokens: number): Tensor {
    const { hidden } = this.#plan;
    const padded = paddedChannels(hidden);
    const rows = this.#runtime.memory.floats(address, tokens * padded);
    const features = new Float32Array(tokens * hidden);
    for (let row = 0; row < tokens; row++) {
      const from = row * padded;
      features.set(rows.subarray(from, from + hidden), row * hidden);
    }
    return this.#tensors.floats(features, [1, tokens, hidden]);
  }

  #programFor(size: number): BoundProgram {
    const known = this.#programs.get(size);
    if (known !== undefined) return known;
    const program = planForSize(size, this.#plan.program);
    const bound = program.bind(this.#arenaOf(program.bytes), this.#weights);
    this.#programs.set(size, bound);
    return bound;
  }

  /** Address of a block for intermediate results, which all sizes share. */
  #arenaOf(bytes: number): number {
    if (this.#arena === undefined || this.#arena.bytes < bytes) {
      const { memory } = this.#runtime;
      this.#programs.clear();
      if (this.#arena !== undefined) memory.free(this.#arena.address);
      this.#arena = undefined;
      this.#arena = { address: memory.allocate(bytes), bytes };
    }
    return this.#arena.address;
  }
}

function freeAll(
  memory: WasmMemory,
  weights: ReadonlyMap<string, number>,
): void {
  for (const address of weights.values()) memory.free(address);
}
