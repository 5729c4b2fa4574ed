import type { Sampling } from "../../src/shared/protocol";
import { goalsOf } from "./goals";

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
export class PickState {
  readonly sizes: Sizes;
  /** i32: the id picked of each row. */
  readonly picked: GPUBuffer;
  /** i32: how many ids the answer has, then the ring: id n at 1 + n % ring. */
  readonly ids: GPUBuffer;
  /** u32: how many ids are drafted, then they. Good for one verification. */
  readonly draft: GPUBuffer;
  /** A bit for each token of prompt and answer. */
  readonly used: GPUBuffer;
  /** `Options` of logits.wgsl. */
  readonly options: GPUBuffer;
  readonly #device: GPUDevice;
  #goals = 0;

  constructor(device: GPUDevice, sizes: Sizes) {
    const { STORAGE, COPY_SRC, COPY_DST, UNIFORM } = GPUBufferUsage;
    const make = (label: string, words: number, usage: number): GPUBuffer =>
      device.createBuffer({ label, size: 4 * words, usage: usage | COPY_DST });
    this.#device = device;
    this.sizes = sizes;
    this.picked = make("picked", sizes.rows, STORAGE | COPY_SRC);
    this.ids = make("ids", 1 + sizes.ring, STORAGE | COPY_SRC);
    this.draft = make("draft", 1 + sizes.rows, STORAGE);
    const words = Math.ceil(sizes.vocabulary / 32);
    this.used = make("used", words, STORAGE | COPY_SRC);
    this.options = make("pick options", 8, UNIFORM);
  }

  /** How many goals a draw has (goals.ts); 0: greedy. */
  get goals(): number {
    return this.#goals;
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
    const options = new DataView(new ArrayBuffer(32));
    options.setFloat32(0, 1 / repetitionPenalty, true);
    options.setFloat32(4, repetitionPenalty, true);
    options.setFloat32(8, Math.min(1 / temperature, 1e38), true);
    options.setUint32(12, topK, true);
    options.setUint32(16, Math.floor(topP * 2 ** 32), true);
    options.setInt32(20, seed, true);
    // The last goal is always the third of the three that there may be.
    const unused = 3 - goals.length;
    goals.forEach((goal, i) => {
      const kinds = options.getUint32(24, true);
      options.setUint32(24, kinds | (goal << (2 * (unused + i))), true);
    });
    options.setUint32(28, 4 * unused, true);
    const { queue } = this.#device;
    queue.writeBuffer(this.options, 0, options.buffer);
    queue.writeBuffer(this.ids, 0, Int32Array.of(0));
    queue.writeBuffer(this.draft, 0, Uint32Array.of(draft.length, ...draft));
    if (repetitionPenalty !== 1) {
      queue.writeBuffer(this.used, 0, bitsOf(promptIds, vocabulary));
    }
  }

  dispose(): void {
    const { picked, ids, draft, used, options } = this;
    for (const buffer of [picked, ids, draft, used, options]) buffer.destroy();
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
