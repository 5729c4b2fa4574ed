import type { Dtype, Graph } from "../../src/shared/models";

/** Files of a model folder that are read, other than the graphs. */
export const CONFIG_FILES = [
  "config.json",
  "generation_config.json",
  "preprocessor_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
] as const;

export type ConfigFile = (typeof CONFIG_FILES)[number];

export const GRAPHS: readonly Graph[] = [
  "vision_encoder",
  "embed_tokens",
  "decoder_model_merged",
];

const SUFFIX: Readonly<Record<Dtype, string>> = {
  fp32: "",
  fp16: "_fp16",
  q4: "_q4",
  q4f16: "_q4f16",
};

export function graphFile(graph: Graph, dtype: Dtype): string {
  return `onnx/${graph}${SUFFIX[dtype]}.onnx`;
}
