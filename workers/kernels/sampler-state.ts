import type { Sampling } from "../../src/shared/protocol";
import { goalsOf } from "./sampling-stages";

/** A stretch of a row is one workgroup's; what is found in them must fit one. */
const LEAST_STRETCH = 2048;
const MOST_GROUPS = 256;

export interface Sizes {
  readonly vocabulary: number;
  /** The most rows of logits that tokens are picked from at once. */
  readonly rows: number;
  /** How many ids of an answer are kept: the latest. */
  readonly ring: number;
}

/**
 * What picking the tokens of one answer goes by, on the GPU: all kernels that
 * pick, and those that take what was picked, share it.
 */
export class SamplerState {
  readonly sizes: Sizes;
  /** i32: the id picked of each row. */
  readonly picked: GPUBuffer;
  /** i32: how many ids the answer has, then the ring: id n at 1 + n % ring. */
  readonly ids: GPUBuffer;
  /** u32: how many ids are drafted, then they. Good for one verification. */
  readonly draft: GPUBuffer;
  /** A bit for each token of prompt and answer. */
  readonly used: GPUBuffer;
  /** A bit for each token that may be picked, while `constrained`. */
  readonly allowed: GPUBuffer;
  /** `Options` of logits.wgsl. */
  readonly options: GPUBuffer;
  /** Ids that one workgroup looks through. */
  readonly stretch: number;
  readonly #device: GPUDevice;
  #goals = 0;
  #constrained = false;

  constructor(device: GPUDevice, sizes: Sizes) {
    const { STORAGE, COPY_SRC, COPY_DST, UNIFORM } = GPUBufferUsage;
    const make = (label: string, words: number, usage: number): GPUBuffer =>
      device.createBuffer({ label, size: 4 * words, usage: usage | COPY_DST });
    this.#device = device;
    this.sizes = sizes;
    const { vocabulary } = sizes;
    const stretch = Math.ceil(vocabulary / MOST_GROUPS);
    this.stretch = Math.max(LEAST_STRETCH, stretch);
    this.picked = make("picked", sizes.rows, STORAGE | COPY_SRC);
    this.ids = make("ids", 1 + sizes.ring, STORAGE | COPY_SRC);
    this.draft = make("draft", 1 + sizes.rows, STORAGE);
    const words = Math.ceil(vocabulary / 32);
    this.used = make("used", words, STORAGE | COPY_SRC);
    this.allowed = make("allowed", words, STORAGE);
    this.options = make("pick options", 12, UNIFORM);
  }

  /** How many goals a draw has (goals.ts); 0: greedy. */
  get goals(): number {
    return this.#goals;
  }

  /** Whether only what was last allowed is picked. */
  get constrained(): boolean {
    return this.#constrained;
  }

  /** Until the next answer: only tokens whose bit is set are picked, the lowest
   * of a word first. What is beyond the bits is not. */
  allow(bits: Uint32Array<ArrayBuffer>): void {
    this.#constrained = true;
    const words = new Uint32Array(this.allowed.size / 4);
    words.set(bits.subarray(0, words.length));
    this.#device.queue.writeBuffer(this.allowed, 0, words);
  }

  /** Begins an answer. The tokens of `promptIds` count as used. */
  begin(
    sampling: Sampling,
    promptIds: readonly number[],
    draft: readonly number[] = [],
  ): void {
    const { vocabulary, rows } = this.sizes;
    if (draft.length >= rows) {
      throw new RangeError(`${draft.length} drafted ids, ${rows} rows`);
    }
    const { repetitionPenalty, temperature, topK, topP, seed } = sampling;
    const goals = goalsOf(sampling, vocabulary);
    this.#goals = goals.length;
    this.#constrained = false;
    // The last goal is always the third of the three that there may be.
    const unused = 3 - goals.length;
    const kinds = goals.reduce<number>(
      (bits, goal, i) => bits | (goal << (2 * (unused + i))),
      0,
    );
    const options = new Uint32Array(this.options.size / 4);
    options.set([vocabulary, this.stretch]);
    const factors = [1 / repetitionPenalty, repetitionPenalty];
    const rate = Math.min(1 / temperature, 1e38);
    new Float32Array(options.buffer, 8).set([...factors, rate]);
    const share = Math.floor(topP * 2 ** 32);
    options.set([topK, share, seed, kinds, 4 * unused], 5);
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

function bitsOf(
  ids: readonly number[],
  vocabulary: number,
): Uint32Array<ArrayBuffer> {
  const bits = new Uint32Array(Math.ceil(vocabulary / 32));
  for (const id of ids) {
    if (id < 0 || id >= vocabulary) continue;
    const word = Math.floor(id / 32);
    bits[word] = (bits[word] ?? 0) | (1 << (id % 32));
  }
  return bits;
}
