import type { DecoderPlan } from "./graphs/decoder-plan";
import { GpuSampler } from "../../kernels/sampler";
import type { SamplerState } from "../../kernels/sampler-state";
import type { Logits } from "../backend";
import type { Gpu } from "../../ort/device";
import { BYTES } from "../../ort/rows";
import type { StaticCache } from "./kv-cache";
import type { BoundWeights } from "./gpu-weights";
import { makeGraph, type Graph } from "./graph";
import { LONGEST_GRAPH } from "./prefill-plan";

/** Lengths of prompts come again; those that do not are captured anew. */
const KEPT = 12;

/** A decoder for `length` positions, ready to be replayed. */
export interface DecoderGraph extends Graph {
  readonly picker: GpuSampler;
  readonly logits: Logits;
}

/** What a graph reads besides cache and weights. */
export interface DecoderInputs {
  readonly embeds: GPUBuffer;
  readonly seqlens: GPUBuffer;
  readonly total: GPUBuffer;
  /** Places in `embeds` whose logits are wanted. */
  readonly rows: GPUBuffer;
}

interface Head {
  readonly logits: GPUBuffer;
  readonly picker: GpuSampler;
}

/** The captured graphs of a decoder: that of one step, and those of prompts,
 * of which the latest are kept. They all use one cache and the same weights. */
export class DecoderGraphs {
  /** Of a prompt. */
  readonly prompt: DecoderInputs;
  /** Of one step. */
  readonly step: DecoderInputs;
  readonly #gpu: Gpu;
  readonly #plan: DecoderPlan;
  readonly #weights: BoundWeights;
  readonly #state: SamplerState;
  /** By the number of rows. */
  readonly #heads = new Map<number, Head>();
  readonly #buffers: GPUBuffer[] = [];
  /** The latest used is the last. */
  readonly #prompts = new Map<string, DecoderGraph>();
  #decode: DecoderGraph | undefined;
  #cache: StaticCache;

  constructor(
    gpu: Gpu,
    plan: DecoderPlan,
    weights: BoundWeights,
    state: SamplerState,
    cache: StaticCache,
  ) {
    this.#gpu = gpu;
    this.#plan = plan;
    this.#weights = weights;
    this.#state = state;
    this.#cache = cache;
    this.prompt = this.#inputs("prompt", LONGEST_GRAPH, state.sizes.rows);
    this.step = this.#inputs("step", 1, 1);
  }

  get cache(): StaticCache {
    return this.#cache;
  }

  /** Captures anew, on another cache, whatever is asked for from now on. */
  async moveTo(cache: StaticCache): Promise<void> {
    const old = [...this.#prompts.values(), this.#decode];
    this.#prompts.clear();
    this.#decode = undefined;
    this.#cache = cache;
    for (const graph of old) await graph?.release();
  }

  /** The graph of one step. */
  async decode(): Promise<DecoderGraph> {
    this.#decode ??= await this.#capture(1, 1, this.step);
    return this.#decode;
  }

  /** A graph of a prompt's part. */
  async prefill(length: number, rows: number): Promise<DecoderGraph> {
    const key = `${length} ${rows}`;
    const graph =
      this.#prompts.get(key) ??
      (await this.#capture(length, rows, this.prompt));
    this.#prompts.delete(key);
    this.#prompts.set(key, graph);
    const [[oldest, dropped] = []] = this.#prompts;
    if (oldest !== undefined && this.#prompts.size > KEPT) {
      this.#prompts.delete(oldest);
      await dropped?.release();
    }
    return graph;
  }

  async release(): Promise<void> {
    const all = [...this.#prompts.values(), this.#decode];
    this.#prompts.clear();
    this.#decode = undefined;
    for (const graph of all) await graph?.release();
    for (const { logits, picker } of this.#heads.values()) {
      picker.dispose();
      logits.destroy();
    }
    this.#heads.clear();
    for (const buffer of this.#buffers) buffer.destroy();
  }

  async #capture(
    length: number,
    rows: number,
    from: DecoderInputs,
  ): Promise<DecoderGraph> {
    const { hidden, vocabulary, type } = this.#plan;
    const { capacity } = this.#cache;
    const { logits, picker } = this.#head(rows);
    const int32 = (buffer: GPUBuffer, count: number) =>
      ({ buffer, type: "int32", dims: [count] }) as const;
    const inputs = {
      inputs_embeds: { buffer: from.embeds, type, dims: [1, length, hidden] },
      seqlens_k: int32(from.seqlens, 1),
      total_sequence_length: int32(from.total, 1),
      ...(length > 1 && { rows: int32(from.rows, rows) }),
      ...this.#cache.past(),
    };
    const dims = [1, rows, vocabulary];
    const outputs = {
      logits: { buffer: logits, type, dims },
      ...this.#cache.present(),
    };
    const model = this.#plan.graph({ length, rows, capacity });
    const graph = await makeGraph(
      this.#gpu,
      model,
      this.#weights,
      inputs,
      outputs,
    );
    return { ...graph, picker, logits: outputs.logits };
  }

  #head(rows: number): Head {
    const known = this.#heads.get(rows);
    if (known !== undefined) return known;
    const { vocabulary, type } = this.#plan;
    const logits = this.#make("logits", rows * vocabulary * BYTES[type]);
    const { device } = this.#gpu;
    const picker = new GpuSampler(device, this.#state, {
      ...{ buffer: logits, type, rows },
    });
    this.#heads.set(rows, { logits, picker });
    return { logits, picker };
  }

  #inputs(label: string, length: number, rows: number): DecoderInputs {
    const { hidden, type } = this.#plan;
    const keep = (what: string, bytes: number): GPUBuffer => {
      const buffer = this.#make(`${label} ${what}`, bytes);
      this.#buffers.push(buffer);
      return buffer;
    };
    return {
      embeds: keep("embeddings", length * hidden * BYTES[type]),
      seqlens: keep("seqlens", 4),
      total: keep("total", 4),
      rows: keep("rows", 4 * rows),
    };
  }

  #make(label: string, bytes: number): GPUBuffer {
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    const size = Math.ceil(bytes / 16) * 16;
    const usage = STORAGE | COPY_SRC | COPY_DST;
    return this.#gpu.device.createBuffer({ label, size, usage });
  }
}
