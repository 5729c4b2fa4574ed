import type { TokenMask, Generation } from "../backend";
import type { Sampler } from "./sampling";
import type { KvCache } from "./kv-cache";
import type { OrtDecoder } from "./prefill";

/** One token a step, from logits that come back each time. */
export class OrtGeneration implements Generation {
  readonly #decoder: OrtDecoder;
  readonly #cache: KvCache;
  readonly #sampler: Sampler;
  readonly #constraint: TokenMask | undefined;
  /** Of the next token, or the token that they follow. */
  #state: Float32Array | number;

  /** `logits`: what the prefill left in `cache`'s wake. */
  constructor(
    decoder: OrtDecoder,
    cache: KvCache,
    logits: Float32Array,
    sampler: Sampler,
    constraint: TokenMask | undefined,
  ) {
    this.#decoder = decoder;
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
    if (this.#constraint) forbid(logits, this.#constraint.allowed());
    const id = this.#sampler.next(logits);
    this.#constraint?.take(id);
    this.#state = id;
    return [id];
  }

  dispose(): void {
    this.#cache.dispose();
  }

  async #forward(id: number): Promise<Float32Array> {
    const embeds = await this.#decoder.embed([id]);
    try {
      return await this.#decoder.forward(embeds, this.#cache);
    } finally {
      embeds.dispose();
    }
  }
}

/** No token can be picked whose bit is not set. */
function forbid(logits: Float32Array, allowed: Uint32Array): void {
  for (let id = 0; id < logits.length; id++) {
    const word = allowed[Math.floor(id / 32)] ?? 0;
    if (((word >>> (id % 32)) & 1) === 0) logits[id] = -Infinity;
  }
}
