import type { Generation } from "../language";
import type { Sampler } from "../sampling";
import type { KvCache } from "./kv-cache";
import type { PlainLanguage } from "./language";

/** One token a step, from logits that come back each time. */
export class PlainGeneration implements Generation {
  readonly #language: Pick<PlainLanguage, "embed" | "forward">;
  readonly #cache: KvCache;
  readonly #sampler: Sampler;
  /** Of the next token, or the token that they follow. */
  #state: Float32Array | number;

  /** `logits`: what the prefill left in `cache`'s wake. */
  constructor(
    language: Pick<PlainLanguage, "embed" | "forward">,
    cache: KvCache,
    logits: Float32Array,
    sampler: Sampler,
  ) {
    this.#language = language;
    this.#cache = cache;
    this.#state = logits;
    this.#sampler = sampler;
  }

  async next(): Promise<readonly number[]> {
    const logits =
      typeof this.#state === "number"
        ? await this.#forward(this.#state)
        : this.#state;
    const id = this.#sampler.next(logits);
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
