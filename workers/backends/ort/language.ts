import type {
  EncodedImage,
  Generation,
  GenerationOptions,
  LanguageBackend,
  Prompt,
  TokenMask,
} from "../backend";
import type { ValueInfo } from "../../onnx/onnx-protos";
import type { Outputs, OrtSession } from "../../ort/session";
import type { FloatType, Tensors, Tensor, TensorRows } from "../../ort/tensor";
import { at } from "../../util/assert";
import type { Embedder } from "../embedding";
import { applyMask, Sampler } from "./sampling";

/** Dimensions of the KV cache that a graph may leave open. */
export interface CacheHeads {
  readonly kvHeads: number;
  readonly headDim: number;
}

/**
 * Runs the published embed_tokens and decoder graphs in ORT sessions, one token
 * a step, and samples on the CPU. Drafts are ignored.
 */
export class OrtLanguage implements LanguageBackend {
  readonly #embedder: Embedder;
  readonly #decoder: OrtSession;
  readonly #tensors: Tensors;
  readonly #heads: CacheHeads;
  readonly #embedsType: FloatType;
  /** Exports differ in which inputs they have besides embeddings and cache. */
  readonly #inputs: ReadonlyMap<string, ValueInfo>;

  constructor(
    embedder: Embedder,
    decoder: OrtSession,
    tensors: Tensors,
    heads: CacheHeads,
  ) {
    this.#embedder = embedder;
    this.#decoder = decoder;
    this.#tensors = tensors;
    this.#heads = heads;
    const { inputs } = decoder;
    const embeds = inputs.find(({ name }) => name === "inputs_embeds");
    this.#embedsType = embeds?.type === "float16" ? "float16" : "float32";
    this.#inputs = new Map(inputs.map((input) => [input.name, input]));
  }

  async begin(
    prompt: Prompt,
    images: readonly EncodedImage[],
    { sampling, constraint }: GenerationOptions,
  ): Promise<Generation> {
    const sampler = new Sampler(sampling, prompt.ids);
    const features = images.map((image) => image.features);
    const cache = this.newCache();
    try {
      const logits = await this.prefill(prompt, features, cache);
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
    return new KvCache(this.#decoder, this.#tensors, this.#heads);
  }

  /** Token ids → [1, ids, hidden]. */
  embed(ids: readonly number[]): Promise<Tensor> {
    return this.#embedder.embed(ids);
  }

  /**
   * One pass over the whole prompt: text embeddings with the features of each
   * image in its place. Fills `cache` and returns the logits of the first token
   * of the answer.
   */
  async prefill(
    { texts }: Prompt,
    images: readonly (readonly Tensor[])[],
    cache: KvCache,
  ): Promise<Float32Array> {
    const text = await this.embed(texts.flat());
    let embeds: Tensor;
    try {
      const parts: TensorRows[] = [];
      let from = 0;
      texts.forEach(({ length }, i) => {
        const to = from + length;
        if (length > 0) parts.push({ tensor: text, from, to });
        from = to;
        for (const tensor of images[i] ?? []) {
          parts.push({ tensor, from: 0, to: at(tensor.dims, 1) });
        }
      });
      embeds = this.#tensors.concatRows(parts, at(text.dims, 2));
    } finally {
      text.dispose();
    }
    try {
      return await this.forward(embeds, cache);
    } finally {
      embeds.dispose();
    }
  }

  /** Appends `embeds` [1, positions, hidden] to the cache and returns the logits
   * of the last position. */
  async forward(embeds: Tensor, cache: KvCache): Promise<Float32Array> {
    if (embeds.type === this.#embedsType) return this.#run(embeds, cache);
    const cast = this.#tensors.cast(embeds, this.#embedsType);
    try {
      return await this.#run(cast, cache);
    } finally {
      cast.dispose();
    }
  }

  async #run(embeds: Tensor, cache: KvCache): Promise<Float32Array> {
    const added = at(embeds.dims, 1);
    const total = cache.length + added;
    const positions = Array.from({ length: total }, (_, i) => i);
    const feeds: Record<string, Tensor> = {
      inputs_embeds: embeds,
      ...cache.feeds(),
    };
    if (this.#inputs.has("attention_mask")) {
      feeds["attention_mask"] = this.#tensors.int64(positions.map(() => 1));
    }
    if (this.#inputs.has("position_ids")) {
      feeds["position_ids"] = this.#tensors.int64(
        positions.slice(cache.length),
      );
    }
    const keep = this.#inputs.get("num_logits_to_keep");
    if (keep !== undefined) {
      feeds[keep.name] = this.#tensors.int64([1], dimsOfOne(keep));
    }
    const branch = this.#inputs.get("use_cache_branch");
    if (branch !== undefined) {
      const dims = dimsOfOne(branch);
      feeds[branch.name] = this.#tensors.bool(cache.length > 0, dims);
    }
    const names = ["logits", ...cache.outputNames()];
    const outputs = await this.#decoder.run(feeds, names);
    cache.replace(outputs, added);
    const logits = outputs.get("logits");
    try {
      return await this.#tensors.lastRow(logits);
    } finally {
      logits.dispose();
    }
  }
}

/** The dimensions of an input with one element: a scalar or a list. */
const dimsOfOne = ({ shape }: ValueInfo): number[] =>
  shape?.length === 0 ? [] : [1];

class OrtGeneration implements Generation {
  readonly #language: OrtLanguage;
  readonly #cache: KvCache;
  readonly #sampler: Sampler;
  readonly #constraint: TokenMask | undefined;
  /** The logits of the next token, or the token before it. */
  #state: Float32Array | number;

  /** `logits`: the result of the prefill that filled `cache`. */
  constructor(
    language: OrtLanguage,
    cache: KvCache,
    logits: Float32Array,
    sampler: Sampler,
    constraint: TokenMask | undefined,
  ) {
    this.#language = language;
    this.#cache = cache;
    this.#state = logits;
    this.#sampler = sampler;
    this.#constraint = constraint;
  }

  async next(): Promise<readonly number[]> {
    const logits =
      typeof this.#state === "number"
        ? await this.#forward(this.#state)
        : this.#state;
    if (this.#constraint) applyMask(logits, this.#constraint.allowed());
    const id = this.#sampler.next(logits);
    this.#constraint?.take(id);
    this.#state = id;
    return [id];
  }

  dispose(): void {
    this.#cache.dispose();
  }

  async #forward(id: number): Promise<Float32Array> {
    const embeds = await this.#language.embed([id]);
    try {
      return await this.#language.forward(embeds, this.#cache);
    } finally {
      embeds.dispose();
    }
  }
}

const PAST = "past_key_values.";
const PRESENT = "present.";

/** The `past_key_values` tensors, which each run of the decoder replaces. */
class KvCache {
  /** Positions in the cache. */
  length = 0;
  readonly #past = new Map<string, Tensor>();

  constructor(
    decoder: OrtSession,
    tensors: Tensors,
    { kvHeads, headDim }: CacheHeads,
  ) {
    const dims = [1, kvHeads, 0, headDim];
    for (const { name, type } of decoder.inputs) {
      if (!name.startsWith(PAST)) continue;
      const floatType = type === "float16" ? "float16" : "float32";
      this.#past.set(name, tensors.empty(floatType, dims));
    }
  }

  feeds(): Record<string, Tensor> {
    return Object.fromEntries(this.#past);
  }

  /** Names of the decoder's outputs that become the next cache. */
  outputNames(): string[] {
    return [...this.#past.keys()].map(presentOf);
  }

  /** Takes over the tensors of a run, `added` positions longer, and frees the
   * old ones. */
  replace(outputs: Outputs, added: number): void {
    for (const [name, old] of this.#past) {
      const present = outputs.get(presentOf(name));
      this.#past.set(name, present);
      old.dispose();
    }
    this.length += added;
  }

  dispose(): void {
    for (const tensor of this.#past.values()) tensor.dispose();
    this.#past.clear();
  }
}

function presentOf(past: string): string {
  return PRESENT + past.slice(PAST.length);
}
