import type { VlmError } from "../../../src/shared/errors";
import type { DecoderPlan } from "./graphs/decoder-plan";
import { StepState, type Table } from "../../kernels/step-state";
import type { GpuTimer } from "../../kernels/gpu-timer";
import { SamplerState } from "../../kernels/sampler-state";
import type {
  TokenMask,
  GenerationOptions,
  StageDurations,
  Logits,
} from "../backend";
import { outOfMemory, type Gpu } from "../../ort/device";
import { writeRows, type Rows } from "../../ort/rows";
import { firstCapacity, mostPositions, StaticCache } from "./kv-cache";
import type { GpuWeights } from "./gpu-weights";
import { DecoderGraphs, type DecoderGraph } from "./decoder-graphs";
import { MOST_ROWS, rowsFor, type Chunk } from "./prefill-plan";
import { Readback } from "./readback";
import { replay } from "./replay";

/** Steps of a batch are picked back together, and cannot be stopped between. */
const MS_PER_BATCH = 50;
const MOST_STEPS = 16;

/** What a decoder is made of. */
export interface DecoderParts {
  readonly gpu: Gpu;
  readonly plan: DecoderPlan;
  readonly weights: GpuWeights;
  readonly table: Table;
  readonly timer?: GpuTimer | undefined;
  /** The longest sequence. */
  readonly contextLength: number;
  /** Positions to begin with; left out: as many as cost little. */
  readonly capacity?: number;
}

/** The first ids of an answer, and what the GPU took for them. */
export interface Begun {
  readonly ids: readonly number[];
  readonly laps?: StageDurations;
}

export function tooMany(positions: number): VlmError {
  return outOfMemory(
    `A cache of ${positions} positions is more than this GPU can hold.`,
  );
}

/** A decoder on the GPU, its cache and what picks tokens: prompts go in, ids
 * come out, nothing else does. */
export class Decoder {
  /** Positions that the cache may ever have. */
  readonly room: number;
  readonly #state: SamplerState;
  readonly #parts: DecoderParts;
  readonly #graphs: DecoderGraphs;
  readonly #advance: StepState;
  readonly #readback: Readback;
  /** Ids of the answer so far. */
  #count = 0;
  #constraint: TokenMask | undefined;
  #logits: Logits | undefined;
  /** Ends the answer. */
  #signal: AbortSignal | undefined;

  constructor(parts: DecoderParts) {
    const { gpu, plan, weights, table, contextLength } = parts;
    const { device } = gpu;
    this.#parts = parts;
    this.room = mostPositions(gpu, plan, contextLength);
    const { vocabulary, type } = plan;
    const sizes = { vocabulary, rows: MOST_ROWS, ring: 2 * MOST_ROWS };
    this.#state = new SamplerState(device, sizes);
    const capacity = parts.capacity ?? firstCapacity(plan);
    const cache = new StaticCache(gpu, plan, Math.min(capacity, this.room));
    const bound = weights.of(plan.weights);
    this.#graphs = new DecoderGraphs(gpu, plan, bound, this.#state, cache);
    const next = { ...this.#graphs.step, type };
    this.#advance = new StepState(device, this.#state, table, next);
    this.#readback = new Readback(gpu, this.#state.ids);
  }

  /** Makes room for `positions`; the first `kept` keep what they hold. */
  async reserve(positions: number, kept: number): Promise<void> {
    const old = this.#graphs.cache;
    if (positions <= old.capacity) return;
    if (positions > this.room) throw tooMany(positions);
    const { gpu, plan } = this.#parts;
    const power = 2 ** Math.ceil(Math.log2(positions));
    const cache = new StaticCache(gpu, plan, Math.min(power, this.room));
    cache.copyFrom(old, kept);
    await this.#graphs.moveTo(cache);
    old.destroy();
  }

  /** Another answer: whatever is picked from now on is its. */
  newAnswer(
    { sampling, constraint, signal }: GenerationOptions,
    promptIds: readonly number[],
    draft: readonly number[],
  ): void {
    this.#state.begin(sampling, promptIds, draft);
    this.#count = 0;
    this.#constraint = constraint;
    this.#signal = signal;
  }

  /** Computes `chunk`, a part of a prompt that more of it follows. */
  async prefill(chunk: Chunk, rows: readonly Rows[]): Promise<undefined> {
    const graph = await this.#graphs.prefill(chunk.length, 1);
    this.#write(chunk, rows, [chunk.from]);
    const { gpu, timer } = this.#parts;
    const around = { timer, signal: this.#signal };
    await replay(gpu, "prefill", graph.pace, [graph.dispatches], around);
    return undefined;
  }

  /** Computes the end of a prompt of `length` positions and the draft after it;
   * the first ids. */
  async begin(
    chunk: Chunk,
    rows: readonly Rows[],
    length: number,
  ): Promise<Begun> {
    const { gpu, timer } = this.#parts;
    const { queue } = gpu.device;
    const { step } = this.#graphs;
    const last = length - 1;
    const wanted = Array.from({ length: rowsFor(chunk.to - last) }, (_, i) =>
      Math.min(last + i, chunk.to - 1),
    );
    const graph = await this.#graphs.prefill(chunk.length, wanted.length);
    this.#write(chunk, rows, wanted);
    queue.writeBuffer(step.seqlens, 0, Int32Array.of(length - 1));
    queue.writeBuffer(step.total, 0, Int32Array.of(length));
    return this.#pick("prefill", graph, 1, timer);
  }

  /** The next ids of an answer whose last is at `position`: `most` at most, so
   * few that nobody waits long. */
  async step(position: number, most: number): Promise<readonly number[]> {
    await this.reserve(position + 1, position);
    const graph = await this.#graphs.decode();
    const ms = graph.pace.msPerDispatch * graph.dispatches.length;
    // What may come next is known only when the last token is.
    const once = this.#constraint === undefined ? MOST_STEPS : 1;
    const steps = Math.min(
      ...[most, once, Math.max(1, Math.floor(MS_PER_BATCH / ms))],
      this.#graphs.cache.capacity - position,
    );
    const { ids } = await this.#pick("decode", graph, steps);
    return ids;
  }

  /** Of the last ids. */
  get logits(): Logits | undefined {
    return this.#logits;
  }

  async release(): Promise<void> {
    await this.#graphs.release();
    this.#graphs.cache.destroy();
    this.#readback.destroy();
    this.#state.dispose();
  }

  /** Runs `graph` so many times, each on what the one before picked. */
  async #pick(
    label: string,
    { dispatches, picker, pace, logits }: DecoderGraph,
    times: number,
    timer?: GpuTimer,
  ): Promise<Begun> {
    this.#logits = logits;
    const once = [dispatches, picker, this.#advance];
    const works = Array.from({ length: times }, () => once).flat();
    const { gpu } = this.#parts;
    const constraint = this.#constraint;
    if (constraint !== undefined) this.#state.allow(constraint.allowed());
    const after = (encoder: GPUCommandEncoder): void => {
      this.#readback.encode(encoder);
      timer?.resolve(encoder);
    };
    const signal = this.#signal;
    await replay(gpu, label, pace, works, { after, timer, signal });
    // Both readings go out together.
    const timed = timer && gpu.guard(timer.read());
    const read = this.#readback.read();
    const [[count = 0, ...ring], laps] = await Promise.all([read, timed]);
    const ids: number[] = [];
    for (let n = this.#count; n < count; n++)
      ids.push(ring[n % ring.length] ?? 0);
    this.#count = count;
    for (const id of ids) constraint?.take(id);
    return { ids, ...(laps && { laps }) };
  }

  #write(
    { from, length }: Chunk,
    rows: readonly Rows[],
    wanted: readonly number[],
  ): void {
    const { gpu, plan } = this.#parts;
    const { device } = gpu;
    const { prompt } = this.#graphs;
    writeRows(device, rows, plan.hidden, plan.type, prompt.embeds);
    const end = from + length;
    const places = Int32Array.from(wanted, (position) => position - from);
    const { queue } = device;
    queue.writeBuffer(prompt.seqlens, 0, Int32Array.of(end - 1));
    queue.writeBuffer(prompt.total, 0, Int32Array.of(end));
    queue.writeBuffer(prompt.rows, 0, places);
  }
}
