import type { DecoderPlan } from "./graphs/decoder-plan";
import { GpuSampler } from "../../kernels/sampler";
import type { SamplerState } from "../../kernels/sampler-state";
import type { Logits } from "../backend";
import type { Gpu } from "../../ort/device";
import { LOGITS_LABEL } from "../../ort/gpu-bytes";
import { BYTES_PER_FLOAT } from "../../ort/tensor-rows";
import type { GpuKvCache } from "./kv-cache";
import type { BoundWeights } from "./gpu-weights";
import {
  createReplayableGraph,
  createTensorBuffer,
  GraphCache,
  type ReplayableGraph,
} from "./replayable-graph";
import { MAX_GRAPH_LENGTH } from "./prefill-plan";

/** Prefill graphs that stay recorded. */
const MAX_PREFILL_GRAPHS = 12;

/** A decoder graph of a fixed length, with the sampler that reads its logits. */
export interface DecoderGraph extends ReplayableGraph {
  readonly sampler: GpuSampler;
  readonly logits: Logits;
}

/** Inputs of a decoder graph besides the cache and the weights. */
interface DecoderInputs {
  readonly embeds: GPUBuffer;
  readonly seqlens: GPUBuffer;
  readonly total: GPUBuffer;
  /** Indices into `embeds` of the positions whose logits are wanted. */
  readonly rows: GPUBuffer;
}

/** The recorded decoder graphs: one for a step, and one per prompt length. They
 * share one KV cache and the weights. */
export class DecoderGraphs {
  readonly promptInputs: DecoderInputs;
  readonly stepInputs: DecoderInputs;
  readonly #gpu: Gpu;
  readonly #plan: DecoderPlan;
  readonly #weights: BoundWeights;
  readonly #state: SamplerState;
  /** Logits and their sampler, by the number of rows. */
  readonly #outputs = new Map<
    number,
    { readonly logits: GPUBuffer; readonly sampler: GpuSampler }
  >();
  readonly #inputBuffers: GPUBuffer[] = [];
  /** By length and rows. */
  readonly #prefillGraphs = new GraphCache<string, DecoderGraph>(
    MAX_PREFILL_GRAPHS,
  );
  #decodeGraph: DecoderGraph | undefined;
  #cache: GpuKvCache;

  constructor(
    gpu: Gpu,
    plan: DecoderPlan,
    weights: BoundWeights,
    state: SamplerState,
    cache: GpuKvCache,
  ) {
    this.#gpu = gpu;
    this.#plan = plan;
    this.#weights = weights;
    this.#state = state;
    this.#cache = cache;
    const { rows } = state.sizes;
    this.promptInputs = this.#createInputs("prompt", MAX_GRAPH_LENGTH, rows);
    this.stepInputs = this.#createInputs("step", 1, 1);
  }

  get cache(): GpuKvCache {
    return this.#cache;
  }

  /** Releases all graphs; later ones are recorded on `cache`. */
  async moveTo(cache: GpuKvCache): Promise<void> {
    this.#cache = cache;
    await this.#releaseGraphs();
  }

  /** The graph of one step. */
  async decodeGraph(): Promise<DecoderGraph> {
    this.#decodeGraph ??= await this.#record(1, 1, this.stepInputs);
    return this.#decodeGraph;
  }

  /** The graph of a chunk of a prompt. */
  prefillGraph(length: number, rows: number): Promise<DecoderGraph> {
    return this.#prefillGraphs.get(`${length} ${rows}`, () =>
      this.#record(length, rows, this.promptInputs),
    );
  }

  async release(): Promise<void> {
    await this.#releaseGraphs();
    for (const { logits, sampler } of this.#outputs.values()) {
      sampler.dispose();
      logits.destroy();
    }
    this.#outputs.clear();
    for (const buffer of this.#inputBuffers) buffer.destroy();
  }

  async #releaseGraphs(): Promise<void> {
    const step = this.#decodeGraph;
    this.#decodeGraph = undefined;
    await this.#prefillGraphs.clear();
    await step?.release();
  }

  async #record(
    length: number,
    rows: number,
    { embeds, seqlens, total, rows: rowIndices }: DecoderInputs,
  ): Promise<DecoderGraph> {
    const { hidden, vocabulary, type } = this.#plan;
    const { capacity } = this.#cache;
    const { logits, sampler } = this.#outputsFor(rows);
    const int32 = (buffer: GPUBuffer, count: number) =>
      ({ buffer, type: "int32", dims: [count] }) as const;
    const inputs = {
      inputs_embeds: { buffer: embeds, type, dims: [1, length, hidden] },
      seqlens_k: int32(seqlens, 1),
      total_sequence_length: int32(total, 1),
      ...(length > 1 && { rows: int32(rowIndices, rows) }),
      ...this.#cache.past(),
    };
    const outputs = {
      logits: { buffer: logits, type, dims: [1, rows, vocabulary] },
      ...this.#cache.present(),
    };
    const graph = await createReplayableGraph(
      this.#gpu,
      this.#plan.graph({ length, rows, capacity }),
      this.#weights,
      inputs,
      outputs,
    );
    return { ...graph, sampler, logits: outputs.logits };
  }

  #outputsFor(rows: number) {
    let outputs = this.#outputs.get(rows);
    if (outputs === undefined) {
      const { vocabulary, type } = this.#plan;
      const bytes = rows * vocabulary * BYTES_PER_FLOAT[type];
      const logits = createTensorBuffer(this.#gpu, LOGITS_LABEL, bytes);
      const source = { buffer: logits, type, rows };
      const { device } = this.#gpu;
      const sampler = new GpuSampler(device, this.#state, source);
      outputs = { logits, sampler };
      this.#outputs.set(rows, outputs);
    }
    return outputs;
  }

  #createInputs(label: string, length: number, rows: number): DecoderInputs {
    const { hidden, type } = this.#plan;
    const create = (name: string, bytes: number): GPUBuffer => {
      const buffer = createTensorBuffer(this.#gpu, `${label} ${name}`, bytes);
      this.#inputBuffers.push(buffer);
      return buffer;
    };
    return {
      embeds: create("embeddings", length * hidden * BYTES_PER_FLOAT[type]),
      seqlens: create("seqlens", 4),
      total: create("total", 4),
      rows: create("rows", 4 * rows),
    };
  }
}
