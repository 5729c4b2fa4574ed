import type { GraphDtypes, ModelSource } from "../../src/shared/models";
import { folded } from "../backends/webgpu/graphs/vision-fold";
import { inputsOf, type Layer } from "../backends/webgpu/graphs/vision-layers";
import { readStructure } from "../backends/webgpu/graphs/vision-structure";
import { readTensors } from "../backends/webgpu/graphs/vision-tensor";
import { UnsupportedGraph } from "../backends/webgpu/graphs/weight";
import { downloadGraphs } from "../loading/download-graphs";
import type { GraphSource } from "../backends/backend";
import { readMetadata } from "../loading/model-metadata";
import type { ModelConfig } from "../model-files/config";
import type { OnnxGraph, OnnxNode } from "../onnx/onnx";
import { bytesOf } from "../onnx/onnx-messages";

/** What a caption cannot do without. */
export interface Work {
  /** Multiply-adds of a picture; absent where the graph is not understood. */
  readonly encoder?: number;
  /** Multiply-adds of the prompt, with logits for its last token only. */
  readonly prefill: number;
  /** Weights and cache that a token after it reads. */
  readonly tokenBytes: number;
}

/** Read out of the graphs' own structure; `tokens` are the prompt's. */
export async function workOf(
  model: ModelSource,
  dtypes: GraphDtypes,
  side: number,
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
    const encoder = await encoderWork(graphs.vision_encoder, side);
    return {
      ...decoderWork(graphs.decoder_model_merged.graph, found.config, tokens),
      ...(encoder !== undefined && { encoder }),
    };
  } finally {
    found.folder.release();
  }
}

/** Of convolutions, products and attention; what is done to each number by
 * itself is less than a hundredth of them. */
async function encoderWork(
  { graph, external }: GraphSource,
  side: number,
): Promise<number | undefined> {
  try {
    const tensors = await readTensors(graph, external);
    const seen = new Set<Layer>();
    const rest = [folded(readStructure(graph, tensors, side))];
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

function layerWork(layer: Layer): number {
  const { height, width, channels } = layer;
  const pixels = height * width;
  if (layer.kind === "conv") {
    const { input, groups, window } = layer;
    const [rows, columns] = window.kernel;
    return (pixels * channels * input.channels * rows * columns) / groups;
  }
  if (layer.kind === "blocks") return pixels * channels * layer.input.channels;
  // Scores and their sums, for each pair of pixels.
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
  const last = head?.size ?? 0;
  // A token looks at those before it and at itself.
  const pairs = (tokens * (tokens + 1)) / 2;
  const attention = 2 * pairs * layers * heads * headDim;
  // The type that the graph itself keeps it in.
  const past = graph.inputs.find(({ name }) => name.startsWith("past_key_"));
  const held = [tokens, layers, kvHeads, headDim];
  const cache = 2 * (bytesOf(past?.type ?? "float32", held) ?? 0);
  return {
    prefill: tokens * (every - last) + last + attention,
    tokenBytes: bytes + cache,
  };
}

/** A product with a weight: its elements, and the bytes that hold them. */
function productOf(
  { op, attributes, inputs, outputs }: OnnxNode,
  graph: OnnxGraph,
) {
  const weights = inputs.flatMap((name) => graph.initializers.get(name) ?? []);
  const bytes = weights.reduce(
    (sum, { type, dims }) => sum + (bytesOf(type, dims) ?? 0),
    0,
  );
  if (op === "MatMulNBits") {
    const size = (attributes.get("K") ?? 0) * (attributes.get("N") ?? 0);
    return { outputs, size, bytes };
  }
  if ((op !== "MatMul" && op !== "Gemm") || weights.length === 0) return;
  const sizes = weights.map(({ dims }) => dims.reduce((a, b) => a * b, 1));
  return { outputs, size: Math.max(...sizes), bytes };
}
