import type { DecoderPlan } from "../backends/webgpu/graphs/decoder-plan";
import { GpuWeights } from "../backends/webgpu/gpu-weights";
import { GpuKvCache } from "../backends/webgpu/kv-cache";
import { submit } from "../kernels/testing/gpu";
import { compileCommands, encodeCommands } from "../ort/command-recorder";
import { recordGraph, type GpuTensor } from "../ort/record-graph";
import type { Gpu } from "../ort/device";
import { bufferOf, floatsOf } from "./on-gpu";

/** Records and runs the graphs of a plan on one KV cache. */
export class DecoderRun {
  readonly #plan: DecoderPlan;
  readonly #gpu: Gpu;
  readonly #weights: GpuWeights;
  readonly #cache: GpuKvCache;
  #past = 0;

  private constructor(
    plan: DecoderPlan,
    gpu: Gpu,
    weights: GpuWeights,
    capacity: number,
  ) {
    this.#plan = plan;
    this.#gpu = gpu;
    this.#weights = weights;
    this.#cache = new GpuKvCache(gpu, plan, capacity);
  }

  static async open(
    plan: DecoderPlan,
    gpu: Gpu,
    capacity: number,
  ): Promise<DecoderRun> {
    const weights = await GpuWeights.upload(gpu, plan.weights, () => undefined);
    return new DecoderRun(plan, gpu, weights, capacity);
  }

  /** Logits of `rows` of `embeds`. Only the first `real` positions stay in the
   * cache. */
  async step(
    embeds: Float32Array<ArrayBuffer>,
    rows: readonly number[],
    real: number,
  ): Promise<Float32Array> {
    const { hidden, vocabulary, weights } = this.#plan;
    const length = embeds.length / hidden;
    const total = this.#past + length;
    const inputs = {
      ...this.#weights.bind(weights).tensors,
      ...this.#cache.past(),
      inputs_embeds: this.#floats([1, length, hidden], embeds),
      seqlens_k: this.#integers([total - 1]),
      total_sequence_length: this.#integers([total]),
      ...(length > 1 && { rows: this.#integers(rows) }),
    };
    const logits = this.#floats([1, rows.length, vocabulary]);
    const { capacity } = this.#cache;
    const model = this.#plan.graph({ length, rows: rows.length, capacity });
    const outputs = { ...this.#cache.present(), logits };
    const recorded = await recordGraph(model, inputs, outputs, this.#gpu);
    const { device } = this.#gpu;
    const dispatches = await compileCommands(device, recorded.commands);
    submit(device, (pass) => {
      encodeCommands(pass, dispatches);
    });
    this.#past += real;
    const size = rows.length * vocabulary;
    const values = await floatsOf(this.#gpu, logits.buffer, size);
    await recorded.release();
    return values;
  }

  #floats(
    dims: readonly number[],
    values?: Float32Array<ArrayBuffer>,
  ): GpuTensor {
    const bytes = dims.reduce((a, b) => a * b, 4);
    const buffer = bufferOf(this.#gpu, values ?? bytes);
    return { buffer, type: "float32", dims };
  }

  #integers(values: readonly number[]): GpuTensor {
    const buffer = bufferOf(this.#gpu, Int32Array.from(values));
    return { buffer, type: "int32", dims: [values.length] };
  }
}
