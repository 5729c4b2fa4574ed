import type { VlmError } from "../../../src/shared/errors";
import type { DecoderPlan } from "./graphs/decoder-plan";
import {
  StepAdvance,
  type GpuEmbeddingTable,
} from "../../kernels/step-advance";
import type { GpuTimer } from "../../kernels/gpu-timer";
import { SamplerState } from "../../kernels/sampler-state";
import type {
  GenerationOptions,
  Logits,
  StageDurations,
  TokenMask,
} from "../backend";
import { outOfMemory, type Gpu } from "../../ort/device";
import { writeRows, type TensorRows } from "../../ort/tensor-rows";
import { at } from "../../util/assert";
import { maxPositions, GpuKvCache } from "./kv-cache";
import type { GpuWeights } from "./gpu-weights";
import { DecoderGraphs, type DecoderGraph } from "./decoder-graphs";
import {
  MAX_LOGIT_ROWS,
  logitRowsFor,
  type PrefillChunk,
} from "./prefill-plan";
import { replay } from "./replay";

/** Steps of a batch are read back together and cannot be stopped in between. */
const MS_PER_BATCH = 50;
const MAX_STEPS = 16;

export interface DecoderParts {
  readonly gpu: Gpu;
  readonly plan: DecoderPlan;
  readonly weights: GpuWeights;
  readonly table: GpuEmbeddingTable;
  readonly timer?: GpuTimer | undefined;
  /** The longest sequence, in positions. */
  readonly contextLength: number;
  /** Initial capacity of the cache, in positions. */
  readonly capacity: number;
}

/** The first tokens of an answer, and the GPU time of the stages before. */
export interface FirstTokens {
  readonly ids: readonly number[];
  readonly laps?: StageDurations;
}

export function cacheTooLarge(positions: number): VlmError {
  return outOfMemory(
    `A KV cache of ${positions} positions is larger than the largest buffer of this GPU.`,
  );
}

/**
 * The decoder graphs, the KV cache and the sampler, all on the GPU. Embeddings
 * go in and sampled token ids come out; nothing else is read back.
 *
 * An answer is `beginAnswer`, `prefillChunk` for each chunk but the last,
 * `prefillEnd`, then `step` until its end.
 */
export class Decoder {
  /** The most positions the cache can grow to. */
  readonly maxPositions: number;
  readonly #parts: DecoderParts;
  readonly #state: SamplerState;
  readonly #graphs: DecoderGraphs;
  readonly #advance: StepAdvance;
  readonly #readback: Readback;
  /** Tokens of the answer so far. */
  #count = 0;
  #constraint: TokenMask | undefined;
  #signal: AbortSignal | undefined;
  #logits: Logits | undefined;

  constructor(parts: DecoderParts) {
    const { gpu, plan, weights, table, contextLength } = parts;
    const { device } = gpu;
    this.#parts = parts;
    this.maxPositions = maxPositions(gpu, plan, contextLength);
    const { vocabulary, type } = plan;
    const ring = 2 * MAX_LOGIT_ROWS;
    const sizes = { vocabulary, rows: MAX_LOGIT_ROWS, ring };
    this.#state = new SamplerState(device, sizes);
    const capacity = Math.min(parts.capacity, this.maxPositions);
    const cache = new GpuKvCache(gpu, plan, capacity);
    const bound = weights.bind(plan.weights);
    this.#graphs = new DecoderGraphs(gpu, plan, bound, this.#state, cache);
    const inputs = { ...this.#graphs.stepInputs, type };
    this.#advance = new StepAdvance(device, this.#state, table, inputs);
    this.#readback = new Readback(gpu, this.#state.ids);
  }

  /** Grows the cache to at least `positions` and copies its first `keep`
   * positions. */
  async reserve(positions: number, keep: number): Promise<void> {
    const old = this.#graphs.cache;
    if (positions <= old.capacity) return;
    if (positions > this.maxPositions) throw cacheTooLarge(positions);
    const { gpu, plan } = this.#parts;
    const power = 2 ** Math.ceil(Math.log2(positions));
    const capacity = Math.min(power, this.maxPositions);
    const cache = new GpuKvCache(gpu, plan, capacity);
    cache.copyFrom(old, keep);
    await this.#graphs.moveTo(cache);
    old.destroy();
  }

  beginAnswer(
    { sampling, constraint, signal }: GenerationOptions,
    promptIds: readonly number[],
    draft: readonly number[],
  ): void {
    this.#state.begin(sampling, promptIds, draft);
    this.#count = 0;
    this.#constraint = constraint;
    this.#signal = signal;
  }

  /** Computes a chunk of a prompt that is not its end. */
  async prefillChunk(
    chunk: PrefillChunk,
    rows: readonly TensorRows[],
  ): Promise<void> {
    const graph = await this.#graphs.prefillGraph(chunk.length, 1);
    this.#writeInputs(chunk, rows, [chunk.from]);
    const { gpu, timer } = this.#parts;
    const options = { timer, signal: this.#signal };
    await replay(gpu, "prefill", graph.pace, [graph.dispatches], options);
  }

  /** Computes the last chunk of a prompt of `length` positions and the draft
   * behind it, and samples the first tokens. */
  async prefillEnd(
    chunk: PrefillChunk,
    rows: readonly TensorRows[],
    length: number,
  ): Promise<FirstTokens> {
    const { gpu, timer } = this.#parts;
    const { queue } = gpu.device;
    const { stepInputs } = this.#graphs;
    const last = length - 1;
    const positions = Array.from(
      { length: logitRowsFor(chunk.to - last) },
      (_, i) => Math.min(last + i, chunk.to - 1),
    );
    const graph = await this.#graphs.prefillGraph(
      chunk.length,
      positions.length,
    );
    this.#writeInputs(chunk, rows, positions);
    queue.writeBuffer(stepInputs.seqlens, 0, Int32Array.of(length - 1));
    queue.writeBuffer(stepInputs.total, 0, Int32Array.of(length));
    return this.#sample("prefill", graph, 1, timer);
  }

  /**
   * Decodes a batch of at most `limit` tokens. `position` is that of the last
   * token of the answer so far. The batch is small enough to be read back within
   * `MS_PER_BATCH`.
   */
  async step(position: number, limit: number): Promise<readonly number[]> {
    await this.reserve(position + 1, position);
    const graph = await this.#graphs.decodeGraph();
    const ms = graph.pace.msPerDispatch * graph.dispatches.length;
    // A token mask is only known once the token before it is.
    const most = this.#constraint === undefined ? MAX_STEPS : 1;
    const steps = Math.min(
      limit,
      most,
      Math.max(1, Math.floor(MS_PER_BATCH / ms)),
      this.#graphs.cache.capacity - position,
    );
    const { ids } = await this.#sample("decode", graph, steps);
    return ids;
  }

  /** Logits of the last step. */
  get logits(): Logits | undefined {
    return this.#logits;
  }

  async release(): Promise<void> {
    await this.#graphs.release();
    this.#graphs.cache.destroy();
    this.#readback.destroy();
    this.#state.dispose();
  }

  /** Replays `graph` `times` times, each on the token that the one before
   * sampled, and reads the tokens back. */
  async #sample(
    label: string,
    { dispatches, sampler, pace, logits }: DecoderGraph,
    times: number,
    timer?: GpuTimer,
  ): Promise<FirstTokens> {
    this.#logits = logits;
    const step = [dispatches, sampler, this.#advance];
    const works = Array.from({ length: times }, () => step).flat();
    const { gpu } = this.#parts;
    const constraint = this.#constraint;
    if (constraint !== undefined) this.#state.allow(constraint.allowed());
    const after = (encoder: GPUCommandEncoder): void => {
      this.#readback.encode(encoder);
      timer?.resolve(encoder);
    };
    const signal = this.#signal;
    await replay(gpu, label, pace, works, { after, timer, signal });
    // Both buffers are mapped at the same time.
    const timed = timer && gpu.guard(timer.read());
    const read = this.#readback.read();
    const [values, laps] = await Promise.all([read, timed]);
    const [count, ring] = [at(values, 0), values.subarray(1)];
    const ids: number[] = [];
    for (let n = this.#count; n < count; n++) {
      ids.push(at(ring, n % ring.length));
    }
    this.#count = count;
    for (const id of ids) constraint?.take(id);
    return { ids, ...(laps && { laps }) };
  }

  /** `positions`: those whose logits are wanted. */
  #writeInputs(
    { from, length }: PrefillChunk,
    rows: readonly TensorRows[],
    positions: readonly number[],
  ): void {
    const { gpu, plan } = this.#parts;
    const { device } = gpu;
    const { queue } = device;
    const { promptInputs } = this.#graphs;
    writeRows(device, rows, plan.hidden, plan.type, promptInputs.embeds);
    const end = from + length;
    const indices = Int32Array.from(positions, (position) => position - from);
    queue.writeBuffer(promptInputs.seqlens, 0, Int32Array.of(end - 1));
    queue.writeBuffer(promptInputs.total, 0, Int32Array.of(end));
    queue.writeBuffer(promptInputs.rows, 0, indices);
  }
}

/** Reads a small buffer of int32 back through a mappable copy. */
class Readback {
  readonly #gpu: Gpu;
  readonly #source: GPUBuffer;
  readonly #copy: GPUBuffer;

  constructor(gpu: Gpu, source: GPUBuffer) {
    this.#gpu = gpu;
    this.#source = source;
    const { COPY_DST, MAP_READ } = GPUBufferUsage;
    this.#copy = gpu.device.createBuffer({
      label: "readback",
      size: source.size,
      usage: COPY_DST | MAP_READ,
    });
  }

  /** Must be submitted before `read` is called. */
  encode(encoder: GPUCommandEncoder): void {
    const { size } = this.#source;
    encoder.copyBufferToBuffer(this.#source, 0, this.#copy, 0, size);
  }

  async read(): Promise<Int32Array> {
    const mapped = this.#gpu.guard(this.#copy.mapAsync(GPUMapMode.READ));
    await Promise.all([mapped, this.#gpu.watchesDone()]);
    const values = new Int32Array(this.#copy.getMappedRange()).slice();
    this.#copy.unmap();
    this.#gpu.check();
    return values;
  }

  destroy(): void {
    this.#copy.destroy();
  }
}
