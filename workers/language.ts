import { KvCache } from "./kv-cache";
import type { Session } from "./ort/session";
import type { Memory, Tensor } from "./ort/tensor";

/** The two graphs of the language model: ids → embeddings → logits. */
export class LanguageModel {
  readonly #embed: Session;
  readonly #decoder: Session;
  readonly #memory: Memory;

  constructor(embed: Session, decoder: Session, memory: Memory) {
    this.#embed = embed;
    this.#decoder = decoder;
    this.#memory = memory;
  }

  newCache(): KvCache {
    return new KvCache(this.#decoder, this.#memory);
  }

  /** [1, ids, hidden]. */
  async embed(ids: readonly number[]): Promise<Tensor> {
    const input_ids = this.#memory.int64(ids);
    return (await this.#embed.run({ input_ids })).get("inputs_embeds");
  }

  /** Appends `embeds` to the cache; logits of its last position. */
  async forward(embeds: Tensor, cache: KvCache): Promise<Float32Array> {
    const added = embeds.dims[1] ?? 0;
    const total = cache.length + added;
    const positions = Array.from({ length: total }, (_, i) => i);
    const outputs = await this.#decoder.run({
      inputs_embeds: embeds,
      attention_mask: this.#memory.int64(positions.map(() => 1)),
      position_ids: this.#memory.int64(positions.slice(cache.length)),
      ...cache.feeds(),
    });
    cache.swap(outputs, added);
    const logits = outputs.get("logits");
    try {
      return await this.#memory.lastRow(logits);
    } finally {
      logits.dispose();
    }
  }
}
