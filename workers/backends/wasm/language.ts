import { VlmError } from "../../../src/shared/errors";
import { at } from "../../util/assert";
import { checkpoint } from "../../util/scheduler";
import type {
  EncodedImage,
  Generation,
  GenerationOptions,
  LanguageBackend,
  Prompt,
} from "../backend";
import type { Embedder } from "../embedding";
import { applyMask, Sampler } from "../ort/sampling";
import { usableDraft } from "../webgpu/prefill-plan";
import {
  commonPrefix,
  Sequence,
  type PositionContent,
} from "../webgpu/sequence";
import { MAX_HEAD_ROWS, MAX_ROWS, type WasmDecoder } from "./decoder";

/**
 * Runs the decoder on the processor. The KV cache outlives an answer: its contents are
 * known position by position, and a prompt that begins like the previous one only
 * computes the rest.
 */
export class WasmLanguage implements LanguageBackend {
  readonly #decoder: WasmDecoder;
  readonly #embedder: Embedder;
  readonly #maxPositions: number;
  /** Contents of the KV cache, from its first position. */
  #contents: PositionContent[] = [];
  #current: WasmGeneration | undefined;

  constructor(decoder: WasmDecoder, embedder: Embedder, contextLength: number) {
    this.#decoder = decoder;
    this.#embedder = embedder;
    this.#maxPositions = Math.min(contextLength, decoder.plan.maxPositions);
  }

  async begin(
    prompt: Prompt,
    images: readonly EncodedImage[],
    options: GenerationOptions,
  ): Promise<Generation> {
    this.#current = undefined;
    const sequence = new Sequence(prompt, images);
    const sampler = new TokenSampler(this.#decoder, prompt.ids, options);
    const ids = await this.#prefill(sequence, sampler, options);
    const generation: WasmGeneration = new WasmGeneration(ids, () =>
      this.#step(generation, sampler, options.signal),
    );
    this.#current = generation;
    return generation;
  }

  async release(): Promise<void> {
    this.#current = undefined;
    this.#contents = [];
    this.#decoder.release();
    await this.#embedder.release();
  }

  /**
   * Computes the part of the prompt that the cache does not hold, together with a
   * draft, and returns the first tokens. Afterwards the cache holds every position
   * before the last of them.
   */
  async #prefill(
    sequence: Sequence,
    sampler: TokenSampler,
    { sampling, draft, constraint, signal }: GenerationOptions,
  ): Promise<readonly number[]> {
    const decoder = this.#decoder;
    const { length } = sequence;
    const room = this.#maxPositions - length;
    if (room < 0) throw cacheTooLarge(length, this.#maxPositions);
    const usable =
      constraint === undefined
        ? usableDraft(draft, sampling, decoder.plan, room)
        : [];
    // The last position is always computed: it gives the first token.
    const cached = decoder.plan.batchInvariant
      ? commonPrefix(this.#contents, sequence.contents)
      : 0;
    const from = Math.min(cached, length - 1);
    sequence.append(usable);
    const end = sequence.length;
    // What the cache still holds if the prefill is stopped or fails.
    this.#contents = sequence.contents.slice(0, from);
    decoder.cache.reserve(end, from, this.#maxPositions);
    const embed = (ids: readonly number[]) => this.#embedder.embed(ids);
    const ids: number[] = [];
    for (let start = from; start < end; start += MAX_ROWS) {
      const to = Math.min(end, start + MAX_ROWS);
      await sequence.withRows(start, to, embed, (rows) =>
        decoder.forward(rows, start, signal),
      );
      if (signal !== undefined) await checkpoint(signal);
      const first = Math.max(length - 1, start);
      if (to <= first) continue;
      const rows = { from: first - start, count: to - first };
      if (!verify(decoder, sampler, rows, usable, ids)) break;
    }
    const accepted = ids.slice(0, -1);
    this.#contents = [...sequence.contents.slice(0, length), ...accepted];
    return ids;
  }

  /** The token after the last one of `generation`. */
  async #step(
    generation: WasmGeneration,
    sampler: TokenSampler,
    signal: AbortSignal | undefined,
  ): Promise<number> {
    if (generation !== this.#current) {
      throw new Error("Another answer was started before this one ended.");
    }
    const { length } = this.#contents;
    const decoder = this.#decoder;
    if (length >= this.#maxPositions) {
      throw cacheTooLarge(length + 1, this.#maxPositions);
    }
    decoder.cache.reserve(length + 1, length, this.#maxPositions);
    const tensor = await this.#embedder.embed([generation.last]);
    try {
      const rows = [{ tensor, from: 0, to: 1 }];
      await decoder.forward(rows, length, signal);
    } finally {
      tensor.dispose();
    }
    this.#contents.push(generation.last);
    decoder.computeLogits(0, 1);
    return sampler.next();
  }
}

/** Adds the tokens that follow rows of the last pass to `ids`, up to the first that the
 * draft does not have. Returns whether it has them all. */
function verify(
  decoder: WasmDecoder,
  sampler: TokenSampler,
  { from, count }: { readonly from: number; readonly count: number },
  draft: readonly number[],
  ids: number[],
): boolean {
  for (let row = 0; row < count; row += MAX_HEAD_ROWS) {
    const rows = Math.min(MAX_HEAD_ROWS, count - row);
    decoder.computeLogits(from + row, rows);
    // Only greedy answers have drafts.
    const found = draft.length > 0 ? decoder.largest(rows) : [sampler.next()];
    for (const id of found) {
      ids.push(id);
      if (id !== draft[ids.length - 1]) return false;
    }
  }
  return true;
}

function cacheTooLarge(positions: number, most: number): VlmError {
  return new VlmError(
    "out-of-memory",
    `The KV cache has ${most} positions at most; ${positions} positions are needed.`,
    "Shorten the prompt, or use fewer images.",
  );
}

/** Samples from the logits of the decoder. */
class TokenSampler {
  readonly #decoder: WasmDecoder;
  readonly #options: GenerationOptions;
  /** Undefined if the largest logit is taken. */
  readonly #sampler: Sampler | undefined;

  constructor(
    decoder: WasmDecoder,
    promptIds: readonly number[],
    options: GenerationOptions,
  ) {
    const { sampling, constraint } = options;
    const { temperature, repetitionPenalty } = sampling;
    const greedy = temperature === 0 && repetitionPenalty === 1;
    this.#decoder = decoder;
    this.#options = options;
    this.#sampler =
      greedy && constraint === undefined
        ? undefined
        : new Sampler(sampling, promptIds);
  }

  /** The token after the first of the rows that have logits. */
  next(): number {
    if (this.#sampler === undefined) return at(this.#decoder.largest(1), 0);
    const { constraint } = this.#options;
    const { logits } = this.#decoder;
    if (constraint) applyMask(logits, constraint.allowed());
    const id = this.#sampler.next(logits);
    constraint?.take(id);
    return id;
  }
}

/** Tokens of a draft wait for the calls that ask for them. */
class WasmGeneration implements Generation {
  /** The last token so far; it is not in the cache yet. */
  last: number;
  #ready: readonly number[];
  readonly #step: () => Promise<number>;

  constructor(ids: readonly number[], step: () => Promise<number>) {
    this.#ready = ids;
    this.last = at(ids, -1);
    this.#step = step;
  }

  async next(limit: number): Promise<readonly number[]> {
    if (this.#ready.length === 0) {
      this.last = await this.#step();
      return [this.last];
    }
    const ids = this.#ready.slice(0, limit);
    this.#ready = this.#ready.slice(limit);
    return ids;
  }

  dispose(): void {
    this.#ready = [];
  }
}
