import type { KvCache } from "./kv-cache";
import type { LanguageModel } from "./language";
import type { Memory, Tensor } from "./ort/tensor";
import type { Prompt } from "./prompt";

/**
 * One pass over the whole prompt: text embeddings with the image features in
 * their place. Fills `cache` and gives the logits of the first answer token.
 */
export async function prefill(
  language: LanguageModel,
  memory: Memory,
  prompt: Prompt,
  features: Tensor,
  cache: KvCache,
): Promise<Float32Array> {
  const { before, after } = prompt;
  const text = await language.embed([...before, ...after]);
  const end = before.length + after.length;
  const embeds = memory.concatRows(
    [
      { tensor: text, from: 0, to: before.length },
      { tensor: features, from: 0, to: features.dims[1] ?? 0 },
      { tensor: text, from: before.length, to: end },
    ],
    features.dims[2] ?? 0,
  );
  text.dispose();
  try {
    return await language.forward(embeds, cache);
  } finally {
    embeds.dispose();
  }
}
