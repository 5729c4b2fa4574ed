import type { Sampling } from "../../src/shared/protocol";
import { at } from "../util/assert";

/** Each workgroup reads a stretch of a row; one workgroup must be able to reduce
 * the results of all. */
const MIN_STRETCH = 2048;
const MAX_GROUPS = 256;

/** The kinds of stages of radix-select.wgsl. */
const TOP_K = 0;
const TOP_P = 1;
const DRAW = 2;

const MAX_STAGES = 3;
const PASSES_PER_STAGE = 4;
/** Passes of the longest radix select. */
export const PASSES = MAX_STAGES * PASSES_PER_STAGE;

interface SamplerSizes {
  readonly vocabulary: number;
  /** The most rows of logits that are sampled at once. */
  readonly rows: number;
  /** How many of the latest ids of an answer are kept. */
  readonly ring: number;
}

/** GPU state of one answer, shared by the sampling kernels and those that read
 * the sampled tokens. */
export class SamplerState {
  readonly sizes: SamplerSizes;
  /** i32: the id sampled from each row. */
  readonly picked: GPUBuffer;
  /** i32: the number of ids in the answer, then a ring: id n is at
   * 1 + n % ring. */
  readonly ids: GPUBuffer;
  /** u32: the length of the draft, then its ids. Verified once. */
  readonly draft: GPUBuffer;
  /** One bit per token of the prompt and the answer, for the penalty. */
  readonly used: GPUBuffer;
  /** One bit per token that may be sampled, while `constrained`. */
  readonly allowed: GPUBuffer;
  /** `Options` of logit-keys.wgsl. */
  readonly options: GPUBuffer;
  /** Ids per workgroup. */
  readonly stretch: number;
  readonly #device: GPUDevice;
  #firstPass = PASSES;
  #constrained = false;

  constructor(device: GPUDevice, sizes: SamplerSizes) {
    const { STORAGE, COPY_SRC, COPY_DST, UNIFORM } = GPUBufferUsage;
    const create = (label: string, words: number, usage: number): GPUBuffer =>
      device.createBuffer({ label, size: 4 * words, usage: usage | COPY_DST });
    this.#device = device;
    this.sizes = sizes;
    const { vocabulary } = sizes;
    const stretch = Math.ceil(vocabulary / MAX_GROUPS);
    this.stretch = Math.max(MIN_STRETCH, stretch);
    this.picked = create("picked", sizes.rows, STORAGE | COPY_SRC);
    this.ids = create("ids", 1 + sizes.ring, STORAGE | COPY_SRC);
    this.draft = create("draft", 1 + sizes.rows, STORAGE);
    const words = Math.ceil(vocabulary / 32);
    this.used = create("used", words, STORAGE | COPY_SRC);
    this.allowed = create("allowed", words, STORAGE);
    this.options = create("sampling options", 12, UNIFORM);
  }

  /** The first pass of the radix select; `PASSES` is greedy. */
  get firstPass(): number {
    return this.#firstPass;
  }

  /** Whether a token mask is set. */
  get constrained(): boolean {
    return this.#constrained;
  }

  /** Sets the token mask, one bit per token id, lowest bit first, until the next
   * answer. Ids beyond the array are forbidden. */
  allow(bits: Uint32Array<ArrayBuffer>): void {
    this.#constrained = true;
    const words = new Uint32Array(this.allowed.size / 4);
    words.set(bits.subarray(0, words.length));
    this.#device.queue.writeBuffer(this.allowed, 0, words);
  }

  /** Starts an answer. The penalty applies to the tokens of `promptIds`. */
  begin(
    sampling: Sampling,
    promptIds: readonly number[],
    draft: readonly number[] = [],
  ): void {
    const { vocabulary, rows } = this.sizes;
    if (draft.length >= rows) {
      throw new RangeError(
        `A draft of ${draft.length} tokens needs more than ${rows} rows of logits`,
      );
    }
    const { repetitionPenalty, temperature, topK, topP, seed } = sampling;
    const kinds = samplingStages(sampling, vocabulary);
    this.#constrained = false;
    // Where fewer than MAX_STAGES stages are needed, the first ones are skipped.
    const skipped = MAX_STAGES - kinds.length;
    this.#firstPass = skipped * PASSES_PER_STAGE;
    const stages = kinds.reduce(
      (bits, kind, i) => bits | (kind << (2 * (skipped + i))),
      0,
    );
    const [lower, raise] = [1 / repetitionPenalty, repetitionPenalty];
    const rate = Math.min(1 / temperature, 1e38);
    const options = new Uint32Array(this.options.size / 4);
    options.set([vocabulary, this.stretch]);
    new Float32Array(options.buffer, 8).set([lower, raise, rate]);
    const scaledTopP = Math.floor(topP * 2 ** 32);
    options.set([topK, scaledTopP, seed, stages, this.#firstPass], 5);
    const { queue } = this.#device;
    queue.writeBuffer(this.options, 0, options);
    queue.writeBuffer(this.ids, 0, Int32Array.of(0));
    queue.writeBuffer(this.draft, 0, Uint32Array.of(draft.length, ...draft));
    if (repetitionPenalty !== 1) {
      queue.writeBuffer(this.used, 0, bitsOf(promptIds, vocabulary));
    }
  }

  dispose(): void {
    const { picked, ids, draft, used, allowed, options } = this;
    for (const buffer of [picked, ids, draft, used, allowed, options]) {
      buffer.destroy();
    }
  }
}

/** The stages that the options need, in order; none is greedy. */
function samplingStages(
  { temperature, topK, topP }: Sampling,
  vocabulary: number,
): readonly number[] {
  if (temperature === 0) return [];
  const stages: number[] = [];
  if (topK > 0 && topK < vocabulary) stages.push(TOP_K);
  if (topP < 1) stages.push(TOP_P);
  return [...stages, DRAW];
}

function bitsOf(
  ids: readonly number[],
  vocabulary: number,
): Uint32Array<ArrayBuffer> {
  const bits = new Uint32Array(Math.ceil(vocabulary / 32));
  for (const id of ids) {
    if (id < 0 || id >= vocabulary) continue;
    const word = Math.floor(id / 32);
    bits[word] = at(bits, word) | (1 << (id % 32));
  }
  return bits;
}
