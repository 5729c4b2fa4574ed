import type { Graph } from "../../src/shared/models";
import { mismatch } from "./config";
import type { GraphValues } from "./graph-contract";

/** Rows and columns of the tables of a model, as far as its files tell. */
export interface Vocabulary {
  /** Highest id that text, its special tokens included, can become. */
  readonly lastId: number;
  /** Never embedded: features stand in its place. */
  readonly imageToken: number;
  /** Those that the configuration names. */
  readonly endTokens: readonly number[];
  /** Rows of embed_tokens; undefined if it is no plain table. */
  readonly rows: number | undefined;
}

/** Graphs of different models have the same names: their widths tell. */
export function checkTogether(
  graphs: Readonly<Record<Graph, GraphValues>>,
): void {
  const decoder = graphs.decoder_model_merged;
  const reads = widthOf(decoder.inputs, "inputs_embeds");
  for (const [graph, name] of [
    [graphs.vision_encoder, "image_features"],
    [graphs.embed_tokens, "inputs_embeds"],
  ] as const) {
    const gives = widthOf(graph.outputs, name);
    if (reads === undefined || gives === undefined || gives === reads) continue;
    throw mismatch(
      `${graph.file} gives ${name} ${gives} wide, ${decoder.file} reads ${reads}: they are of different models.`,
    );
  }
}

/**
 * A tokenizer of another model gives ids that the graphs have no row for, or
 * ends at tokens that the graphs cannot say. Published decoders have no column
 * for `<image>`, which is never said either.
 */
export function checkVocabulary(
  { lastId, imageToken, endTokens, rows }: Vocabulary,
  decoder: GraphValues,
): void {
  const last = lastId === imageToken ? lastId - 1 : lastId;
  if (rows !== undefined && last >= rows) {
    throw mismatch(
      `tokenizer.json has ids up to ${last}, embed_tokens only ${rows} rows.`,
    );
  }
  if (endTokens.length === 0) return;
  const ends = `end token ${endTokens.join(", ")}`;
  if (endTokens.every((id) => id > lastId)) {
    throw mismatch(
      `tokenizer.json has ids up to ${lastId}, the model's ${ends} not among them.`,
    );
  }
  const columns = widthOf(decoder.outputs, "logits");
  if (columns === undefined || endTokens.some((id) => id < columns)) return;
  throw mismatch(
    `${decoder.file} has logits for ${columns} tokens, the model's ${ends} not among them.`,
  );
}

function widthOf(
  values: GraphValues["inputs"],
  name: string,
): number | undefined {
  const width = values.find((value) => value.name === name)?.shape.at(-1);
  return typeof width === "number" ? width : undefined;
}
