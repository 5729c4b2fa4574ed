import type { KvCache } from "./kv-cache";
import type { Memory, Rows, Tensor } from "../../ort/tensor";
import type { Prompt } from "../backend";

/** The two published graphs. */
export interface OrtDecoder {
  /** [1, ids, hidden]. */
  embed(ids: readonly number[]): Promise<Tensor>;
  /** Appends `embeds` to the cache; logits of its last position. */
  forward(embeds: Tensor, cache: KvCache): Promise<Float32Array>;
}

/**
 * One pass over the whole prompt: text embeddings with the features of each
 * picture in its place. Fills `cache` and gives the logits of the first answer
 * token.
 */
export async function prefill(
  decoder: OrtDecoder,
  memory: Memory,
  { texts }: Prompt,
  pictures: readonly (readonly Tensor[])[],
  cache: KvCache,
): Promise<Float32Array> {
  const text = await decoder.embed(texts.flat());
  const parts: Rows[] = [];
  let from = 0;
  texts.forEach(({ length }, i) => {
    const to = from + length;
    if (length > 0) parts.push({ tensor: text, from, to });
    from = to;
    for (const tensor of pictures[i] ?? []) {
      parts.push({ tensor, from: 0, to: tensor.dims[1] ?? 0 });
    }
  });
  let embeds: Tensor;
  try {
    embeds = memory.concatRows(parts, text.dims[2] ?? 0);
  } finally {
    text.dispose();
  }
  try {
    return await decoder.forward(embeds, cache);
  } finally {
    embeds.dispose();
  }
}
