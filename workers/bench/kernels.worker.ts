/** Compares our kernels with ONNX Runtime's on the graphs of a model. */
import { measureRates } from "./rates";
import type { KernelAnswer, KernelQuestion } from "./messages";
import { VlmError } from "../../src/shared/errors";
import { GpuWeights } from "../backends/webgpu/gpu-weights";
import { createReplayableGraph } from "../backends/webgpu/replayable-graph";
import type { KernelOverride } from "../backends/webgpu/overrides/override-kernels";
import { BYTES_PER_FLOAT } from "../ort/tensor-rows";
import { planDecoder } from "../backends/webgpu/graphs/decoder-plan";
import { planVision } from "../backends/webgpu/graphs/vision-plan";
import type { Weight } from "../backends/webgpu/graphs/weight";
import { downloadGraphs } from "../loading/download-graphs";
import { type GraphSource, imageTokensForSize } from "../backends/backend";
import { readMetadata } from "../loading/model-metadata";
import { openGpu } from "../ort/adapter";
import type { BoundTensors } from "../ort/record-graph";
import type { Gpu } from "../ort/device";
import type { ModelConfig } from "../model-files/config";

self.onmessage = ({ data }: MessageEvent<KernelQuestion>) => {
  answer(data).then(post, (error: unknown) => {
    post({ failed: VlmError.from(error).message });
  });
};

const post = (message: KernelAnswer): void => self.postMessage(message);

async function answer(question: KernelQuestion): Promise<KernelAnswer> {
  const { model, dtypes, size, lengths } = question;
  const { signal } = new AbortController();
  const found = await readMetadata(model, signal);
  try {
    const { config } = found;
    const nothing = (): void => undefined;
    const got = await downloadGraphs(found, dtypes, signal, nothing);
    const { vision_encoder: encoder, decoder_model_merged: decoder } =
      got.graphs;
    const { heads, kvHeads, headDim } = config;
    const opened = await openGpu("webgpu", { heads, kvHeads, headDim });
    if (!("gpu" in opened)) throw new Error(opened.reason);
    const { gpu } = opened;
    try {
      const graphs = [
        {
          graph: "encoder",
          overrides: await tryEncoder(gpu, encoder, config, size),
        },
      ];
      for (const length of lengths) {
        const overrides = await tryDecoder(gpu, decoder, config, length);
        graphs.push({ graph: `decoder of ${length}`, overrides });
      }
      const half = gpu.device.features.has("shader-f16");
      const rates = await measureRates(gpu.device, half);
      return { adapter: gpu.name, rates, graphs };
    } finally {
      gpu.close();
    }
  } finally {
    found.folder.release();
  }
}

async function tryEncoder(
  gpu: Gpu,
  { graph, external }: GraphSource,
  config: ModelConfig,
  size: number,
): Promise<readonly KernelOverride[]> {
  const plan = await planVision(graph, external, config);
  const { hidden, type } = plan;
  const tokens = imageTokensForSize(size);
  return tryGraph(
    gpu,
    plan.weights,
    plan.graph(size),
    { pixel_values: tensor(gpu, "float32", [1, 3, size, size]) },
    { image_features: tensor(gpu, type, [1, tokens, hidden]) },
  );
}

async function tryDecoder(
  gpu: Gpu,
  { graph, external }: GraphSource,
  config: ModelConfig,
  length: number,
): Promise<readonly KernelOverride[]> {
  const plan = await planDecoder(graph, external, config);
  const { hidden, vocabulary, layers, kvHeads, headDim, type } = plan;
  const capacity = Math.min(512, plan.maxPositions);
  const past: Record<string, ReturnType<typeof tensor>> = {};
  const present: Record<string, ReturnType<typeof tensor>> = {};
  for (let layer = 0; layer < layers; layer++) {
    for (const part of ["key", "value"]) {
      const shared = tensor(gpu, type, [1, kvHeads, capacity, headDim]);
      past[`past_key_values.${layer}.${part}`] = shared;
      present[`present.${layer}.${part}`] = shared;
    }
  }
  const inputs = {
    inputs_embeds: tensor(gpu, type, [1, length, hidden]),
    seqlens_k: tensor(gpu, "int32", [1]),
    total_sequence_length: tensor(gpu, "int32", [1]),
    ...(length > 1 && { rows: tensor(gpu, "int32", [1]) }),
    ...past,
  };
  const logits = tensor(gpu, type, [1, 1, vocabulary]);
  const model = plan.graph({ length, rows: 1, capacity });
  return tryGraph(gpu, plan.weights, model, inputs, { logits, ...present });
}

async function tryGraph(
  gpu: Gpu,
  weights: readonly Weight[],
  model: Uint8Array,
  inputs: BoundTensors,
  outputs: BoundTensors,
): Promise<readonly KernelOverride[]> {
  const uploaded = await GpuWeights.upload(gpu, weights, () => undefined);
  const bound = uploaded.bind(weights);
  try {
    const graph = await createReplayableGraph(
      gpu,
      model,
      bound,
      inputs,
      outputs,
    );
    await graph.release();
    return graph.overrides;
  } finally {
    uploaded.destroy();
    for (const { buffer } of Object.values({ ...inputs, ...outputs })) {
      buffer.destroy();
    }
  }
}

function tensor(
  { device }: Gpu,
  type: "float32" | "float16" | "int32",
  dims: readonly number[],
): { buffer: GPUBuffer; type: typeof type; dims: readonly number[] } {
  const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
  const count = dims.reduce((product, dim) => product * dim, 1);
  const bytes = count * (type === "int32" ? 4 : BYTES_PER_FLOAT[type]);
  const size = Math.ceil(bytes / 16) * 16;
  const usage = STORAGE | COPY_SRC | COPY_DST;
  const buffer = device.createBuffer({ label: "bench", size, usage });
  return { buffer, type, dims };
}
