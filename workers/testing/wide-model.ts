import type { Dtype, LocalFile, ModelSource } from "../../src/shared/models";
import { graphFile } from "../model-files/manifest";
import {
  DecoderBuilder,
  type DecoderSizes,
  type DecoderVariant,
} from "./decoder-builder";
import { GraphBuilder } from "./graph-builder";
import { pickFolder, micro } from "./harness";

/** Rows of FastVLM-0.5B's output layer and embedding table, fewer than the
 * vocabulary in its configuration. */
const [ROWS, VOCABULARY] = [151_646, 151_936];

/** FastVLM-0.5B with a single decoder layer. */
const SIZES: DecoderSizes = {
  hidden: 896,
  heads: 14,
  kvHeads: 2,
  headDim: 64,
  ffn: 4864,
  layers: 1,
  words: ROWS,
  positions: 8192,
};

/**
 * A model with the output layer and the embedding table of FastVLM-0.5B, and
 * little else: one decoder layer, and an encoder that averages pixels. The output
 * layer is untied.
 */
export async function wideModel(
  decoder: Extract<Dtype, "fp32" | "q4">,
  table: Extract<Dtype, "fp32" | "fp16">,
  variant: Partial<DecoderVariant>,
): Promise<Extract<ModelSource, { kind: "folder" }>> {
  const { hidden, heads, kvHeads, layers, positions } = SIZES;
  const config = {
    model_type: "llava_qwen2",
    hidden_size: hidden,
    num_attention_heads: heads,
    num_key_value_heads: kvHeads,
    num_hidden_layers: layers,
    vocab_size: VOCABULARY,
    max_position_embeddings: positions,
    image_token_index: 259,
  };
  const folder = await pickFolder(micro, {
    "config.json": () => JSON.stringify(config),
    "preprocessor_config.json": () => JSON.stringify({ size: 64 }),
  });
  const graphs: LocalFile[] = [
    { path: graphFile("vision_encoder", "fp32"), file: encoder() },
    { path: graphFile("embed_tokens", table), file: embedding(table) },
    {
      path: graphFile("decoder_model_merged", decoder),
      file: new DecoderBuilder(variant, SIZES).file(),
    },
  ];
  const rest = folder.files.filter(({ path }) => !path.endsWith(".onnx"));
  return { ...folder, name: "wide", files: [...rest, ...graphs] };
}

/** pixels → average pooling 64 x 64 → 1 x 1 convolution → features. */
function encoder(): Blob {
  const { hidden } = SIZES;
  const graph = new GraphBuilder();
  const window = { kernel_shape: [64, 64], strides: [64, 64] };
  const pooled = graph.op("AveragePool", ["pixel_values"], window);
  const weight = graph.random("projector", [hidden, 3, 1, 1], 1);
  const bias = graph.random("projector bias", [hidden], 0.5);
  const map = graph.op("Conv", [pooled, weight, bias]);
  const shape = graph.integers("flat", [3], [0, hidden, -1]);
  const flat = graph.op("Reshape", [map, shape]);
  const order = { perm: [0, 2, 1] };
  graph.op("Transpose", [flat], order, "", ["image_features"]);
  const float = (name: string, ...dims: (number | string)[]) => {
    return { name, type: "float32", shape: dims };
  };
  return graph.write(
    [float("pixel_values", "batch", 3, "height", "width")],
    [float("image_features", "batch", "tokens", hidden)],
  );
}

/** A table of random rows; its graph's output is float32, as published. */
function embedding(dtype: "fp32" | "fp16"): Blob {
  const { hidden } = SIZES;
  const graph = new GraphBuilder();
  const dims = [ROWS, hidden];
  const isHalf = dtype === "fp16";
  const table = isHalf
    ? graph.halves("embeddings", dims)
    : graph.random("embeddings", dims, 1);
  const rows = graph.op("Gather", [table, "input_ids"]);
  const op = isHalf ? "Cast" : "Identity";
  graph.op(op, [rows], isHalf ? { to: 1 } : {}, "", ["inputs_embeds"]);
  return graph.write(
    [{ name: "input_ids", type: "int64", shape: ["batch", "tokens"] }],
    [
      {
        name: "inputs_embeds",
        type: "float32",
        shape: ["batch", "tokens", hidden],
      },
    ],
  );
}
