import type { GraphDtypes, ModelSource } from "../../src/shared/models";
import { fuseLayers } from "../backends/webgpu/graphs/vision-fusion";
import {
  inputsOf,
  type VisionLayer,
} from "../backends/webgpu/graphs/vision-layers";
import { readVisionLayers } from "../backends/webgpu/graphs/vision-reader";
import { readGraphTensors } from "../backends/webgpu/graphs/graph-tensor";
import { type GraphSource, UnsupportedGraph } from "../backends/backend";
import { downloadGraphs } from "../loading/download-graphs";
import { readMetadata } from "../loading/model-metadata";
import type { ModelConfig } from "../model-files/config";
import type { OnnxGraph } from "../onnx/onnx-reader";
import { tensorBytes, type OnnxNode } from "../onnx/onnx-protos";
import { defined } from "../util/assert";
import type { Work } from "./messages";

/** Counts the work from the graphs' structure. `tokens` is the prompt's length. */
export async function workOf(
  model: ModelSource,
  dtypes: GraphDtypes,
  size: number,
  tokens: number,
): Promise<Work> {
  const { signal } = new AbortController();
  const found = await readMetadata(model, signal);
  try {
    const { graphs } = await downloadGraphs(
      found,
      dtypes,
      signal,
      () => undefined,
    );
    const encoder = await encoderWork(graphs.vision_encoder, size);
    return {
      ...decoderWork(graphs.decoder_model_merged.graph, found.config, tokens),
      ...(encoder !== undefined && { encoder }),
    };
  } finally {
    found.folder.release();
  }
}

/** Counts convolutions, matrix products and attention. Elementwise operations are
 * less than 1 % of them. */
async function encoderWork(
  { graph, external }: GraphSource,
  size: number,
): Promise<number | undefined> {
  try {
    const tensors = await readGraphTensors(graph, external);
    const seen = new Set<VisionLayer>();
    const rest = [fuseLayers(readVisionLayers(graph, tensors, size))];
    let work = 0;
    for (let layer = rest.pop(); layer !== undefined; layer = rest.pop()) {
      if (seen.has(layer)) continue;
      seen.add(layer);
      rest.push(...inputsOf(layer));
      work += layerWork(layer);
    }
    return work;
  } catch (error) {
    if (error instanceof UnsupportedGraph) return undefined;
    throw error;
  }
}

function layerWork(layer: VisionLayer): number {
  const { height, width, channels } = layer;
  const pixels = height * width;
  if (layer.kind === "conv") {
    const { input, groups, window } = layer;
    const [rows, columns] = window.kernel;
    return (pixels * channels * input.channels * rows * columns) / groups;
  }
  if (layer.kind === "quantized")
    return pixels * channels * layer.input.channels;
  // Scores and weighted sums, for each pair of pixels.
  if (layer.kind === "attention") return 2 * pixels ** 2 * channels;
  return 0;
}

function decoderWork(
  graph: OnnxGraph,
  { layers, heads, kvHeads, headDim }: ModelConfig,
  tokens: number,
): Pick<Work, "prefill" | "tokenBytes"> {
  const products = graph.nodes.flatMap((node) => productOf(node, graph) ?? []);
  const head = products.find(({ outputs }) => outputs.includes("logits"));
  const every = products.reduce((sum, { size }) => sum + size, 0);
  const bytes = products.reduce((sum, product) => sum + product.bytes, 0);
  const last = defined(head, "product that gives logits").size;
  // A token attends to those before it and to itself.
  const pairs = (tokens * (tokens + 1)) / 2;
  const attention = 2 * pairs * layers * heads * headDim;
  const past = graph.inputs.find(({ name }) => name.startsWith("past_key_"));
  const held = [tokens, layers, kvHeads, headDim];
  const { type } = defined(past, "input past_key_values");
  const cache = 2 * defined(tensorBytes(type, held), `size of ${type}`);
  return {
    prefill: tokens * (every - last) + last + attention,
    tokenBytes: bytes + cache,
  };
}

/** The weight of a matrix product: its elements and bytes. */
function productOf(
  { op, attributes, inputs, outputs }: OnnxNode,
  graph: OnnxGraph,
) {
  const weights = inputs.flatMap((name) => graph.initializers.get(name) ?? []);
  const bytes = weights.reduce(
    (sum, { type, dims }) =>
      sum + defined(tensorBytes(type, dims), `size of ${type}`),
    0,
  );
  if (op === "MatMulNBits") {
    const size =
      defined(attributes.get("K"), "K") * defined(attributes.get("N"), "N");
    return { outputs, size, bytes };
  }
  if ((op !== "MatMul" && op !== "Gemm") || weights.length === 0) return;
  const sizes = weights.map(({ dims }) => dims.reduce((a, b) => a * b, 1));
  return { outputs, size: Math.max(...sizes), bytes };
}
