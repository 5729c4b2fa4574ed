import type { Dtype, Graph, ModelFile } from "../../src/shared/models";
import { dtypes, graphNames } from "../../src/shared/options";

/** Files of a model folder besides the graphs. */
export type ConfigFile = (typeof CONFIG_FILES)[number];

export const CONFIG_FILES = [
  "config.json",
  "generation_config.json",
  "preprocessor_config.json",
  "processor_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
  "chat_template.json",
] as const;

/** Required; the others have defaults. */
export const NEEDED_FILES: readonly ConfigFile[] = [
  "config.json",
  "tokenizer.json",
  "tokenizer_config.json",
];

const SUFFIX: Readonly<Record<Dtype, string>> = {
  fp32: "",
  fp16: "_fp16",
  q8: "_quantized",
  int8: "_int8",
  uint8: "_uint8",
  q4: "_q4",
  q4f16: "_q4f16",
};

export function graphFile(graph: Graph, dtype: Dtype): string {
  return `onnx/${graph}${SUFFIX[dtype]}.onnx`;
}

/** One graph in one dtype: its .onnx first, then its external data. */
export interface Variant {
  readonly dtype: Dtype;
  readonly files: readonly ModelFile[];
  readonly bytes: number;
}

export type Variants = Readonly<Record<Graph, readonly Variant[]>>;

type Stat = (paths: readonly string[]) => Promise<Map<string, ModelFile>>;

/**
 * Finds the variants of each graph in a folder. Looks for external data under its
 * usual names: `.onnx.data` as PyTorch writes it, or `.onnx_data`, `.onnx_data_1` and
 * so on, one more at a time. Other names are known once the graph is read.
 */
export async function findGraphs(stat: Stat): Promise<Variants> {
  const names = graphNames.flatMap((graph) =>
    dtypes.map((dtype) => graphFile(graph, dtype)),
  );
  const found = await stat(names);
  const files = new Map([...found].map(([name, file]) => [name, [file]]));
  let open = [...files.keys()];
  const torch = await stat(open.map((name) => `${name}.data`));
  open = open.filter((name) => {
    const file = torch.get(`${name}.data`);
    if (file !== undefined) files.get(name)?.push(file);
    return file === undefined;
  });
  for (let part = 0; open.length > 0; part++) {
    const more = await stat(open.map((name) => dataFile(name, part)));
    open = open.filter((name) => {
      const file = more.get(dataFile(name, part));
      if (file !== undefined) files.get(name)?.push(file);
      return file !== undefined;
    });
  }
  const variants = (graph: Graph): Variant[] =>
    dtypes.flatMap((dtype) => {
      const own = files.get(graphFile(graph, dtype));
      if (own === undefined) return [];
      const bytes = own.reduce((sum, file) => sum + file.bytes, 0);
      return [{ dtype, files: own, bytes }];
    });
  return eachGraph(variants);
}

/** A record with the value of `map` for each graph. */
export function eachGraph<T>(map: (graph: Graph) => T): Record<Graph, T> {
  return {
    vision_encoder: map("vision_encoder"),
    embed_tokens: map("embed_tokens"),
    decoder_model_merged: map("decoder_model_merged"),
  };
}

function dataFile(graph: string, part: number): string {
  return part === 0 ? `${graph}_data` : `${graph}_data_${part}`;
}
