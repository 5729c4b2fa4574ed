import type { DecoderPlan } from "../backends/webgpu/graphs/decoder-plan";
import type { Weight } from "../backends/webgpu/graphs/weight";
import { encodeCommands } from "../ort/command-recorder";
import { recordGraph, type GpuTensor } from "../ort/record-graph";
import type { Gpu } from "../ort/device";
import { bufferOf, floatsOf } from "./on-gpu";

/** Records and runs the graphs of a plan on one KV cache. */
export class DecoderRun {
  readonly #plan: DecoderPlan;
  readonly #gpu: Gpu;
  readonly #capacity: number;
  /** Weights, and the cache as past. */
  readonly #inputs: Record<string, GpuTensor> = {};
  /** The cache as present. */
  readonly #present: Record<string, GpuTensor> = {};
  #past = 0;

  private constructor(plan: DecoderPlan, gpu: Gpu, capacity: number) {
    this.#plan = plan;
    this.#gpu = gpu;
    this.#capacity = capacity;
  }

  static async open(
    plan: DecoderPlan,
    gpu: Gpu,
    capacity: number,
  ): Promise<DecoderRun> {
    const run = new DecoderRun(plan, gpu, capacity);
    for (const weight of plan.weights) {
      const { name, type, dims } = weight;
      run.#inputs[name] = { buffer: await upload(gpu, weight), type, dims };
    }
    const { layers, kvHeads, headDim } = plan;
    const dims = [1, kvHeads, capacity, headDim];
    for (let layer = 0; layer < layers; layer++) {
      for (const kind of ["key", "value"]) {
        const cache = run.#floats(dims);
        run.#inputs[`past_key_values.${layer}.${kind}`] = cache;
        run.#present[`present.${layer}.${kind}`] = cache;
      }
    }
    return run;
  }

  /** Logits of `rows` of `embeds`. Only the first `real` positions stay in the
   * cache. */
  async step(
    embeds: Float32Array<ArrayBuffer>,
    rows: readonly number[],
    real: number,
  ): Promise<Float32Array> {
    const { hidden, vocabulary } = this.#plan;
    const length = embeds.length / hidden;
    const total = this.#past + length;
    const inputs = {
      ...this.#inputs,
      inputs_embeds: this.#floats([1, length, hidden], embeds),
      seqlens_k: this.#integers([total - 1]),
      total_sequence_length: this.#integers([total]),
      ...(length > 1 && { rows: this.#integers(rows) }),
    };
    const logits = this.#floats([1, rows.length, vocabulary]);
    const shape = { length, rows: rows.length, capacity: this.#capacity };
    const outputs = { ...this.#present, logits };
    const model = this.#plan.graph(shape);
    const recorded = await recordGraph(model, inputs, outputs, this.#gpu);
    const { device } = this.#gpu;
    const encoder = device.createCommandEncoder({ label: "test" });
    const pass = encoder.beginComputePass({ label: "test" });
    encodeCommands(pass, recorded.commands);
    pass.end();
    device.queue.submit([encoder.finish()]);
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

async function upload(gpu: Gpu, weight: Weight): Promise<GPUBuffer> {
  const buffer = bufferOf(gpu, weight.bytes);
  let at = 0;
  for await (const chunk of weight.chunks()) {
    const words = new Uint8Array(Math.ceil(chunk.length / 4) * 4);
    words.set(chunk);
    gpu.device.queue.writeBuffer(buffer, at, words);
    at += chunk.length;
  }
  return buffer;
}
