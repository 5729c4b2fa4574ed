import { ortQueue, loadOrt } from "../ort/runtime";
import type { Gpu } from "../ort/device";
import type { DecoderPlan } from "../graphs/decoder-plan";
import type { Weight } from "../graphs/weight";
import type { Tensor } from "../ort/tensor";

const STORAGE = () =>
  GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

async function upload(gpu: Gpu, weight: Weight): Promise<GPUBuffer> {
  const size = Math.ceil(weight.bytes / 16) * 16;
  const buffer = gpu.device.createBuffer({ size, usage: STORAGE() });
  let at = 0;
  for await (const chunk of weight.chunks()) {
    const whole = new Uint8Array(Math.ceil(chunk.length / 4) * 4);
    whole.set(chunk);
    gpu.device.queue.writeBuffer(buffer, at, whole);
    at += chunk.length;
  }
  return buffer;
}

/** Runs a plan's graphs over one cache, as a language model would. */
export class DecoderRun {
  readonly #plan: DecoderPlan;
  readonly #gpu: Gpu;
  readonly #capacity: number;
  readonly #shared: Record<string, Tensor> = {};
  readonly #caches: Record<string, GPUBuffer> = {};
  #past = 0;

  constructor(plan: DecoderPlan, gpu: Gpu, capacity: number) {
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
    const ort = await loadOrt();
    for (const weight of plan.weights) {
      run.#shared[weight.name] = ort.Tensor.fromGpuBuffer(
        await upload(gpu, weight),
        { dataType: weight.type as "float32", dims: weight.dims },
      );
    }
    run.clear();
    return run;
  }

  clear(): void {
    const { layers, kvHeads, headDim } = this.#plan;
    this.#past = 0;
    const size = kvHeads * headDim * this.#capacity * 4;
    for (let layer = 0; layer < layers; layer++) {
      for (const kind of ["key", "value"]) {
        this.#caches[`${layer}.${kind}`] = this.#gpu.device.createBuffer({
          size,
          usage: STORAGE(),
        });
      }
    }
  }

  /** Appends the first `real` of `embeds`; logits of `rows`. */
  async step(
    embeds: Float32Array,
    rows: readonly number[],
    real: number,
    capture: boolean,
  ): Promise<Float32Array> {
    const { hidden, vocabulary, kvHeads, headDim } = this.#plan;
    const { device } = this.#gpu;
    const length = embeds.length / hidden;
    const ort = await loadOrt();
    const own = <T extends ArrayBufferView<ArrayBuffer>>(data: T) => {
      const size = Math.ceil(data.byteLength / 16) * 16;
      const buffer = device.createBuffer({ size, usage: STORAGE() });
      device.queue.writeBuffer(buffer, 0, data);
      return buffer;
    };
    const ints = (...values: number[]) =>
      ort.Tensor.fromGpuBuffer(own(Int32Array.from(values)), {
        dataType: "int32",
        dims: [values.length],
      });
    const total = this.#past + length;
    const feeds: Record<string, Tensor> = {
      ...this.#shared,
      inputs_embeds: ort.Tensor.fromGpuBuffer(own(new Float32Array(embeds)), {
        dataType: "float32",
        dims: [1, length, hidden],
      }),
      seqlens_k: ints(total - 1),
      total_sequence_length: capture
        ? ints(total)
        : new ort.Tensor("int32", Int32Array.of(total), [1]),
      ...(length > 1 && { rows: ints(...rows) }),
    };
    const logits = device.createBuffer({
      size: Math.ceil((rows.length * vocabulary * 4) / 16) * 16,
      usage: STORAGE(),
    });
    const results: Record<string, Tensor> = {
      logits: ort.Tensor.fromGpuBuffer(logits, {
        dataType: "float32",
        dims: [1, rows.length, vocabulary],
      }),
    };
    for (const [place, buffer] of Object.entries(this.#caches)) {
      const cache = ort.Tensor.fromGpuBuffer(buffer, {
        dataType: "float32",
        dims: [1, kvHeads, this.#capacity, headDim],
      });
      feeds[`past_key_values.${place}`] = cache;
      results[`present.${place}`] = cache;
    }
    const model = this.#plan.graph({
      length,
      rows: rows.length,
      capacity: this.#capacity,
    });
    await ortQueue.add(async () => {
      const session = await ort.InferenceSession.create(model, {
        executionProviders: [
          { name: "webgpu", device, validationMode: "disabled" },
        ],
        preferredOutputLocation: "gpu-buffer",
        logSeverityLevel: 3,
        ...(capture && {
          enableGraphCapture: true,
          extra: { session: { disable_cpu_ep_fallback: "1" } },
        }),
      });
      try {
        await session.run(feeds, results);
      } finally {
        await session.release();
      }
    });
    this.#past += real;
    const values = await this.#read(logits, rows.length * vocabulary);
    this.#gpu.check();
    return values;
  }

  async #read(buffer: GPUBuffer, count: number): Promise<Float32Array> {
    const { device } = this.#gpu;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    const copy = device.createBuffer({ size: count * 4, usage });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, copy, 0, count * 4);
    device.queue.submit([encoder.finish()]);
    await this.#gpu.guard(copy.mapAsync(GPUMapMode.READ));
    const values = new Float32Array(copy.getMappedRange().slice(0));
    copy.destroy();
    return values;
  }
}
