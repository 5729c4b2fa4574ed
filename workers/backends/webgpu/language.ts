import type { VlmError } from "../../../src/shared/errors";
import type { Embedder } from "../embedding";
import type {
  EncodedImage,
  Generation,
  GenerationOptions,
  LanguageBackend,
  Logits,
  Prompt,
  StageDurations,
} from "../backend";
import { at } from "../../util/assert";
import { Stopped } from "../../util/scheduler";
import {
  cacheTooLarge,
  Decoder,
  type DecoderParts,
  type FirstTokens,
} from "./decoder";
import { planChunks, usableDraft } from "./prefill-plan";
import { commonPrefix, Sequence, type PositionContent } from "./sequence";

/**
 * Runs the decoder as recorded graphs. The KV cache outlives an answer: its
 * contents are known position by position, and a prompt that begins like the
 * previous one only computes the rest.
 */
export class WebGpuLanguage implements LanguageBackend {
  readonly #parts: DecoderParts;
  readonly #embedder: Embedder;
  /** Contents of the KV cache, from its first position. */
  #contents: PositionContent[] = [];
  #decoder: Decoder | undefined;
  #current: WebGpuGeneration | undefined;

  constructor(parts: DecoderParts, embedder: Embedder) {
    this.#parts = parts;
    this.#embedder = embedder;
  }

  begin(
    prompt: Prompt,
    images: readonly EncodedImage[],
    options: GenerationOptions,
  ): Promise<Generation> {
    return this.#withDecoder(async (decoder) => {
      const first = await this.#prefill(decoder, prompt, images, options);
      const generation: WebGpuGeneration = new WebGpuGeneration(
        first,
        (limit) => this.#step(generation, limit),
      );
      this.#current = generation;
      return generation;
    });
  }

  get logits(): Logits | undefined {
    return this.#decoder?.logits;
  }

  async release(): Promise<void> {
    await this.#releaseDecoder();
    this.#parts.timer?.dispose();
    this.#parts.weights.destroy();
    await this.#embedder.release();
  }

  /**
   * Computes the part of the prompt that the cache does not hold, together with
   * a draft, and returns the first tokens. Afterwards the cache holds every
   * position before the last of them.
   */
  async #prefill(
    decoder: Decoder,
    prompt: Prompt,
    images: readonly EncodedImage[],
    options: GenerationOptions,
  ): Promise<FirstTokens> {
    const sequence = new Sequence(prompt, images);
    const { length } = sequence;
    const { maxPositions } = decoder;
    if (length > maxPositions) throw cacheTooLarge(length);
    const draft =
      options.constraint === undefined
        ? usableDraft(
            options.draft,
            options.sampling,
            this.#parts.plan,
            maxPositions - length,
          )
        : [];
    // The last position is always computed: it gives the first token.
    const cached = commonPrefix(this.#contents, sequence.contents);
    const from = Math.min(cached, length - 1);
    sequence.append(draft);
    const end = sequence.length;
    const chunks = planChunks(from, end, end - length + 1, maxPositions);
    const reach = Math.max(...chunks.map((chunk) => chunk.from + chunk.length));
    await decoder.reserve(reach, from);
    decoder.beginAnswer(options, prompt.ids, draft);
    // What the cache still holds if the prefill is stopped between submits.
    this.#contents = sequence.contents.slice(0, from);
    const embed = (ids: readonly number[]) => this.#embedder.embed(ids);
    for (const chunk of chunks.slice(0, -1)) {
      await sequence.withRows(chunk.from, chunk.to, embed, (rows) =>
        decoder.prefillChunk(chunk, rows),
      );
    }
    const last = at(chunks, -1);
    const first = await sequence.withRows(last.from, last.to, embed, (rows) =>
      decoder.prefillEnd(last, rows, length),
    );
    const accepted = first.ids.slice(0, -1);
    this.#contents = [...sequence.contents.slice(0, length), ...accepted];
    return first;
  }

  /** The next tokens of `generation`, if the cache still belongs to it. */
  #step(
    generation: WebGpuGeneration,
    limit: number,
  ): Promise<readonly number[]> {
    return this.#withDecoder(async (decoder) => {
      const ids = await decoder.step(this.#contents.length, limit);
      this.#contents.push(generation.last, ...ids.slice(0, -1));
      generation.last = at(ids, -1);
      return ids;
    }, generation);
  }

  /**
   * Runs `job`. A failure drops the decoder, because its cache may be
   * half written; a stop keeps it. `generation`: the one that `job` continues.
   */
  async #withDecoder<T>(
    job: (decoder: Decoder) => Promise<T>,
    generation?: WebGpuGeneration,
  ): Promise<T> {
    const { gpu } = this.#parts;
    if (generation !== undefined && generation !== this.#current) {
      gpu.check();
      throw (
        generation.failure ??
        new Error("Another answer was started before this one ended.")
      );
    }
    try {
      gpu.check();
      this.#decoder ??= new Decoder(this.#parts);
      return await job(this.#decoder);
    } catch (error) {
      if (error instanceof Stopped) {
        this.#current = undefined;
        throw error;
      }
      const cause = await gpu.explain(error);
      if (this.#current !== undefined) this.#current.failure = cause;
      await this.#releaseDecoder();
      await gpu.forgetErrors();
      throw cause;
    }
  }

  async #releaseDecoder(): Promise<void> {
    const decoder = this.#decoder;
    this.#decoder = undefined;
    this.#current = undefined;
    this.#contents = [];
    await decoder?.release();
  }
}

/** Tokens come in batches; those beyond the caller's limit wait for its next
 * call. */
class WebGpuGeneration implements Generation {
  readonly laps?: StageDurations;
  /** Why the answer ended, if it failed. */
  failure: VlmError | undefined;
  /** The last token of the last batch; it is not in the cache yet. */
  last: number;
  #ready: readonly number[];
  readonly #step: (limit: number) => Promise<readonly number[]>;

  constructor(
    { ids, laps }: FirstTokens,
    step: (limit: number) => Promise<readonly number[]>,
  ) {
    this.#ready = ids;
    this.last = at(ids, -1);
    if (laps !== undefined) this.laps = laps;
    this.#step = step;
  }

  async next(limit: number): Promise<readonly number[]> {
    if (this.#ready.length === 0) return this.#step(limit);
    const ids = this.#ready.slice(0, limit);
    this.#ready = this.#ready.slice(limit);
    return ids;
  }

  dispose(): void {
    this.#ready = [];
  }
}
