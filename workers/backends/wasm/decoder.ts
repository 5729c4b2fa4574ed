import { countRows, rowsOnCpu, type TensorRows } from "../../ort/tensor-rows";

import { nextTask, Stopped } from "../../util/scheduler";
import { weightsOf, type WasmDecoderPlan, type NormPlan } from "./decoder-plan";
import { padded, type ProductPlan, type StoredWeight } from "./decoder-weights";
import { KvCache } from "./kv-cache";
import { int8Form } from "./product-int8";
import type { WasmRuntime } from "./runtime";

/** The most rows that are computed at once: a picture of 1024 px and its question. */
export const MAX_ROWS = 512;
/** The most rows whose logits are in memory. */
export const MAX_HEAD_ROWS = 16;

/** Positions of a block in assembly/cached-attention.ts. */
const ATTENTION_BLOCK = 32;
/** Values of a block of activations in assembly/product-q4.ts, and its bytes. */
const BLOCK = 32;
const BLOCK_BYTES = 144;

/** Floats of rows that are multiplied while they are in the cache. */
const FLOAT_BLOCK = 2 ** 16;

/** Time without a look at the signal. */
const MS_PER_TASK = 10;

/** Addresses of the buffers between kernels. */
interface Buffers {
  /** The residual stream, [rows, hidden]. */
  readonly stream: number;
  /** A norm's result, an attention's, or a gate's. */
  readonly input: number;
  /** A product's activations, quantized. */
  readonly blocks: number;
  /** The least and the greatest activation of each row. */
  readonly ranges: number;
  readonly qkv: number;
  readonly scores: number;
  readonly gates: number;
  /** Added to the stream. */
  readonly branch: number;
  readonly logits: number;
  readonly indices: number;
}

/** Runs a decoder's layers on the kernels, over one KV cache. */
export class WasmDecoder {
  readonly plan: WasmDecoderPlan;
  readonly cache: KvCache;
  readonly #runtime: WasmRuntime;
  readonly #addresses: ReadonlyMap<StoredWeight, number>;
  readonly #buffers: Buffers;
  /** Of activations in 8 bits. */
  readonly #form: number;

  private constructor(
    plan: WasmDecoderPlan,
    runtime: WasmRuntime,
    addresses: ReadonlyMap<StoredWeight, number>,
    buffers: Buffers,
  ) {
    this.plan = plan;
    this.cache = new KvCache(runtime.memory, plan);
    this.#runtime = runtime;
    this.#addresses = addresses;
    this.#buffers = buffers;
    this.#form = int8Form(runtime);
  }

  /** Reads the weights into memory. `onWeight` may throw to cancel. */
  static async open(
    plan: WasmDecoderPlan,
    runtime: WasmRuntime,
    onWeight: () => void,
  ): Promise<WasmDecoder> {
    const { memory } = runtime;
    const addresses = new Map<StoredWeight, number>();
    try {
      for (const weight of weightsOf(plan)) {
        onWeight();
        const address = memory.allocate(weight.bytes);
        addresses.set(weight, address);
        await weight.write(runtime, address);
      }
      const buffers = allocateBuffers(plan, runtime);
      return new WasmDecoder(plan, runtime, addresses, buffers);
    } catch (error) {
      for (const address of addresses.values()) memory.free(address);
      throw error;
    }
  }

  /**
   * Computes the positions from `position` on, at most `MAX_ROWS`, and writes them to
   * the cache, which has room for them. Rejects with `Stopped` when the signal is
   * aborted.
   */
  async forward(
    rows: readonly TensorRows[],
    position: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { layers, hidden, ffn, norm } = this.plan;
    const { stream, input, qkv, branch, gates } = this.#buffers;
    const count = countRows(rows);
    this.#writeStream(rows);
    let since = performance.now();
    let added = 0;
    for (const [i, layer] of layers.entries()) {
      if (count > 1 && performance.now() - since > MS_PER_TASK) {
        await nextTask();
        if (signal?.aborted) throw new Stopped();
        since = performance.now();
      }
      this.#norm(layer.attentionNorm, added, count);
      this.#product(layer.qkv, input, qkv, count);
      this.#attend(i, layer.scale, position, count);
      this.#product(layer.out, input, branch, count);
      this.#norm(layer.mlpNorm, branch, count);
      this.#product(layer.gate, input, gates, count);
      this.#runtime.pool.run(
        "gate",
        { count, grain: 4 },
        gates,
        input,
        ffn,
        layer.alone ? 1 : 0,
      );
      this.#product(layer.down, input, branch, count);
      added = branch;
    }
    this.#norm(norm, added, count);
    // The norm's result is what logits are made of; it stays in the stream.
    const { memory } = this.#runtime;
    const size = count * hidden * 4;
    memory.bytes(stream, size).set(memory.bytes(input, size));
  }

  /** Computes the logits of some rows of the last `forward`, at most
   * `MAX_HEAD_ROWS`. */
  computeLogits(from: number, count: number): void {
    const { stream, logits } = this.#buffers;
    const at = stream + from * this.plan.hidden * 4;
    this.#product(this.plan.head, at, logits, count);
  }

  /** The logits of the first row that has some. The next pass overwrites them. */
  get logits(): Float32Array {
    const { memory } = this.#runtime;
    return memory.floats(this.#buffers.logits, this.plan.vocabulary);
  }

  /** The index of the largest logit of each row. */
  largest(count: number): number[] {
    const { vocabulary } = this.plan;
    const { logits, indices } = this.#buffers;
    const { memory, pool } = this.#runtime;
    const stride = padded(vocabulary) * 4;
    const split = { count, grain: 1 };
    pool.run("argmax", split, logits, indices, vocabulary, stride);
    return [...memory.integers(indices, count)];
  }

  release(): void {
    const { memory } = this.#runtime;
    this.cache.release();
    for (const address of this.#addresses.values()) memory.free(address);
    for (const address of Object.values<number>({ ...this.#buffers })) {
      memory.free(address);
    }
  }

  #writeStream(rows: readonly TensorRows[]): void {
    const { hidden } = this.plan;
    let at = this.#buffers.stream;
    for (const part of rows) {
      const floats = rowsOnCpu(part, hidden, "float32");
      this.#runtime.memory.floats(at, floats.length).set(floats);
      at += floats.length * 4;
    }
  }

  /** Adds `branch` to the stream and normalises it. */
  #norm({ gamma, epsilon }: NormPlan, branch: number, count: number): void {
    const { stream, input } = this.#buffers;
    this.#runtime.pool.run(
      "addRmsNorm",
      { count, grain: 16 },
      stream,
      branch,
      this.#addressOf(gamma),
      input,
      this.plan.hidden,
      epsilon,
    );
  }

  #attend(layer: number, scale: number, position: number, count: number): void {
    const { plan, cache } = this;
    const { heads, kvHeads, headDim, rotated, interleaved } = plan;
    const [keys, values] = cache.layers[layer] ?? [0, 0];
    const { qkv, input, scores } = this.#buffers;
    const { pool } = this.#runtime;
    pool.run(
      "rotateIntoCache",
      { count, grain: 16 },
      qkv,
      this.#addressOf(plan.cos),
      this.#addressOf(plan.sin),
      keys,
      values,
      heads,
      kvHeads,
      headDim,
      rotated,
      interleaved ? 1 : 0,
      cache.capacity,
      position,
    );
    const stride = (heads + 2 * kvHeads) * headDim * 4;
    pool.run(
      "cachedAttention",
      { count: count * heads, grain: 4 },
      qkv,
      keys,
      values,
      input,
      scores,
      stride,
      heads,
      kvHeads,
      headDim,
      cache.capacity,
      position,
      scale,
    );
  }

  #product(plan: ProductPlan, x: number, y: number, rows: number): void {
    const { inner, outer } = plan;
    const { pool } = this.#runtime;
    const weight = this.#addressOf(plan.weight);
    const bias = this.#addressOf(plan.bias);
    const columns = padded(outer);
    if (plan.kind === "f32") {
      const blockRows = Math.max(1, Math.floor(FLOAT_BLOCK / inner / 6)) * 6;
      const count = (columns / 8) * Math.ceil(rows / blockRows);
      pool.run(
        "productFloat",
        { count, grain: 4 },
        x,
        weight,
        bias,
        0,
        y,
        rows,
        inner,
        columns,
        blockRows,
        0,
      );
      return;
    }
    const stride = columns * 4;
    const split = { count: columns / 16, grain: 4 };
    const { blocks, ranges } = this.#buffers;
    if (plan.kind === "int8") {
      const form = this.#form;
      const each = { count: rows, grain: 4 };
      pool.run("rowRanges", each, x, ranges, inner);
      // One range for all rows, as in ONNX Runtime: the same integers, so that a row
      // depends on the others (`batchInvariant`).
      const shape = [rows, inner, form] as const;
      pool.run("quantizeRows", each, x, ranges, blocks, ...shape);
      const product = [rows, inner, stride, form] as const;
      pool.run("productInt8", split, blocks, weight, bias, y, ...product);
      return;
    }
    const count = inner / BLOCK;
    const all = { count: count * rows, grain: 256 };
    pool.run("quantizeBlocks", all, x, blocks);
    pool.run("productQ4", split, blocks, weight, bias, y, rows, count, stride);
    if (plan.zeros === undefined) return;
    const zeros = this.#addressOf(plan.zeros);
    pool.run("addZeroPoints", split, blocks, zeros, y, rows, count, stride);
  }

  #addressOf(weight: StoredWeight): number {
    const address = this.#addresses.get(weight);
    if (address === undefined) throw new Error("A weight is not in memory.");
    return address;
  }
}

function allocateBuffers(
  { hidden, heads, kvHeads, headDim, ffn, vocabulary }: WasmDecoderPlan,
  { memory }: WasmRuntime,
): Buffers {
  const widest = Math.max(hidden, heads * headDim, ffn);
  const floats = (width: number, rows = MAX_ROWS) =>
    memory.allocate(rows * width * 4);
  return {
    stream: floats(hidden),
    input: floats(widest),
    blocks: memory.allocate(MAX_ROWS * Math.ceil(widest / BLOCK) * BLOCK_BYTES),
    ranges: floats(2),
    qkv: floats((heads + 2 * kvHeads) * headDim),
    scores: floats(heads * ATTENTION_BLOCK),
    gates: floats(2 * ffn),
    branch: floats(hidden),
    logits: floats(padded(vocabulary), MAX_HEAD_ROWS),
    indices: floats(1),
  };
}
