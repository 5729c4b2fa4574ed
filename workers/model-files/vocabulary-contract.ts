import type { Graph } from "../../src/shared/models";
import { mismatch } from "./config";
import type { GraphValues } from "./graph-contract";

/** Sizes of a model's vocabulary in its various files. */
interface Vocabulary {
  /** Highest id of the tokenizer, special tokens included. */
  readonly lastId: number;
  /** Never embedded: image features take its place. */
  readonly imageToken: number;
  /** From the configuration. */
  readonly endTokens: readonly number[];
  /** Rows of embed_tokens; undefined if it is not a table. */
  readonly rows: number | undefined;
}

/** Checks that the graphs belong to one model: their widths must agree. */
export function checkTogether(
  graphs: Readonly<Record<Graph, GraphValues>>,
): void {
  const decoder = graphs.decoder_model_merged;
  const taken = widthOf(decoder.inputs, "inputs_embeds");
  for (const [graph, name] of [
    [graphs.vision_encoder, "image_features"],
    [graphs.embed_tokens, "inputs_embeds"],
  ] as const) {
    const given = widthOf(graph.outputs, name);
    if (taken === undefined || given === undefined || given === taken) continue;
    throw mismatch(
      `${graph.file} outputs ${name} of width ${given}, but ${decoder.file} expects width ${taken}: they belong to different models.`,
    );
  }
}

/**
 * Checks that the tokenizer belongs to the graphs: every id must have a row in the
 * embedding table, and an end token a column in the logits. Published decoders
 * have no column for `<image>`, which is never generated.
 */
export function checkVocabulary(
  { lastId, imageToken, endTokens, rows }: Vocabulary,
  decoder: GraphValues,
): void {
  const last = lastId === imageToken ? lastId - 1 : lastId;
  if (rows !== undefined && last >= rows) {
    throw mismatch(
      `tokenizer.json has ids up to ${last}, but embed_tokens has ${rows} rows.`,
    );
  }
  if (endTokens.length === 0) return;
  const ids = endTokens.join(", ");
  const absent =
    endTokens.length === 1
      ? `the model's end token ${ids} is not among them`
      : `none of the model's end tokens (${ids}) is among them`;
  if (endTokens.every((id) => id > lastId)) {
    throw mismatch(`tokenizer.json has ids up to ${lastId}, but ${absent}.`);
  }
  const columns = widthOf(decoder.outputs, "logits");
  if (columns === undefined || endTokens.some((id) => id < columns)) return;
  throw mismatch(
    `${decoder.file} has logits for ${columns} tokens, but ${absent}.`,
  );
}

function widthOf(
  values: GraphValues["inputs"],
  name: string,
): number | undefined {
  const width = values.find((value) => value.name === name)?.shape?.at(-1);
  return typeof width === "number" ? width : undefined;
}
