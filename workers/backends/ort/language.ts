import type { Embedder } from "./embedding";
import type {
  GenerationOptions,
  Generation,
  LanguageBackend,
  EncodedImage,
  Prompt,
} from "../backend";
import type { Session } from "../../ort/session";
import type { Float, Memory, Tensor } from "../../ort/tensor";
import { Sampler } from "./sampling";
import { OrtGeneration } from "./generation";
import { KvCache, type CacheHeads } from "./kv-cache";
import { prefill, type OrtDecoder } from "./prefill";

/** The two published graphs, run by ONNX Runtime: ids → embeddings → logits.
 * A draft is of no use to it. */
export class OrtLanguage implements LanguageBackend, OrtDecoder {
  readonly #embedder: Embedder;
  readonly #decoder: Session;
  readonly #memory: Memory;
  readonly #heads: CacheHeads;
  /** Of the embeddings that the decoder takes. */
  readonly #type: Float;
  /** Some exporters leave positions and mask to the graph. */
  readonly #takes: ReadonlySet<string>;

  constructor(
    embedder: Embedder,
    decoder: Session,
    memory: Memory,
    heads: CacheHeads,
  ) {
    this.#embedder = embedder;
    this.#decoder = decoder;
    this.#memory = memory;
    this.#heads = heads;
    const { inputs } = decoder;
    const embeds = inputs.find(({ name }) => name === "inputs_embeds");
    this.#type = embeds?.type === "float16" ? "float16" : "float32";
    this.#takes = new Set(inputs.map(({ name }) => name));
  }

  async begin(
    prompt: Prompt,
    pictures: readonly EncodedImage[],
    { sampling, constraint }: GenerationOptions,
  ): Promise<Generation> {
    const sampler = new Sampler(sampling, prompt.ids);
    const features = pictures.map((picture) => picture.features);
    const cache = this.newCache();
    try {
      const logits = await prefill(this, this.#memory, prompt, features, cache);
      return new OrtGeneration(this, cache, logits, sampler, constraint);
    } catch (error) {
      cache.dispose();
      throw error;
    }
  }

  async release(): Promise<void> {
    await this.#embedder.release();
    await this.#decoder.release();
  }

  newCache(): KvCache {
    return new KvCache(this.#decoder, this.#memory, this.#heads);
  }

  embed(ids: readonly number[]): Promise<Tensor> {
    return this.#embedder.embed(ids);
  }

  async forward(embeds: Tensor, cache: KvCache): Promise<Float32Array> {
    const { type } = embeds;
    if (type === this.#type) return this.#forward(embeds, cache);
    const cast = this.#memory.cast(embeds, this.#type);
    try {
      return await this.#forward(cast, cache);
    } finally {
      cast.dispose();
    }
  }

  async #forward(embeds: Tensor, cache: KvCache): Promise<Float32Array> {
    const added = embeds.dims[1] ?? 0;
    const total = cache.length + added;
    const positions = Array.from({ length: total }, (_, i) => i);
    const feeds: Record<string, Tensor> = {
      inputs_embeds: embeds,
      ...cache.feeds(),
    };
    if (this.#takes.has("attention_mask")) {
      feeds["attention_mask"] = this.#memory.int64(positions.map(() => 1));
    }
    if (this.#takes.has("position_ids")) {
      feeds["position_ids"] = this.#memory.int64(positions.slice(cache.length));
    }
    const names = ["logits", ...cache.outputs()];
    const outputs = await this.#decoder.run(feeds, names);
    cache.swap(outputs, added);
    const logits = outputs.get("logits");
    try {
      return await this.#memory.lastRow(logits);
    } finally {
      logits.dispose();
    }
  }
}
