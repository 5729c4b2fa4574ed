import {
  attentionSize,
  attentionVariants,
  type Attention,
} from "../../../kernels/attention";
import { lifeOf, type Step } from "./lifetime";
import type { Program, Range } from "./program";
import { alike, typeOf, type Operation } from "./operation";

/** The runtime's attention of a prompt or a picture, in one dispatch. */
export function attentionOf(program: Program): Operation | undefined {
  if (program.label !== "FlashAttention") return undefined;
  const { code, writes } = program;
  const headDim = Number(/const head_size : u32 = (\d+);/.exec(code)?.[1]);
  const heads = Number(/const num_heads : u32 = (\d+);/.exec(code)?.[1]);
  const causal = !code.includes("seq_causal_length = total_sequence_length;");
  const output = writes.get("output");
  return output && operationOf(program, { headDim, heads, causal }, output);
}

/**
 * The runtime's attention of few queries: parts of the keys each by itself, and
 * another dispatch that joins the parts, whose result is given here.
 */
export function splitAttentionOf(
  steps: readonly Step[],
  first: number,
): Operation | undefined {
  const [split, join] = [steps[first]?.program, steps[first + 1]?.program];
  if (split?.label !== "FlashAttentionDecodeQKV") return undefined;
  if (join?.label !== "FlashAttentionDecodeVxReduce") return undefined;
  const parts = [...split.writes.values()];
  const [part, metadata] = [
    join.reads.get("input"),
    join.reads.get("metadata"),
  ];
  const output = join.writes.get("output");
  if (!part || !metadata || !output || parts.length !== 2) return undefined;
  const joined = parts.every(({ buffer }) => {
    return buffer === part.buffer || buffer === metadata.buffer;
  });
  const lives = parts.map((range) => lifeOf(steps, first, range));
  const alone = lives.every((life) => life.whole && life.readers.length === 1);
  if (!joined || !alone) return undefined;
  const [vectors = 0] = split.uniforms.get("head_size_vec") ?? [];
  const [heads = 0] = split.uniforms.get("num_heads") ?? [];
  const causal = split.code.includes("> past_sequence_length + q_idx");
  const headDim = 4 * vectors;
  return operationOf(split, { headDim, heads, causal }, output);
}

function operationOf(
  program: Program,
  known: Pick<Attention, "headDim" | "heads" | "causal">,
  output: Range,
): Operation | undefined {
  const { reads, uniforms } = program;
  const q = reads.get("q");
  const [keys, values] = [reads.get("present_key"), reads.get("present_value")];
  const seqlens = reads.get("seqlens_k");
  const type = typeOf(program, ["q", "present_key", "present_value"]);
  const first = (name: string) => uniforms.get(name)?.[0] ?? 0;
  if (!q || !keys || !values || !type) return undefined;
  if (first("batch_size") !== 1 || reads.has("attention_bias"))
    return undefined;
  const [alpha = 0] = new Float32Array(Uint32Array.of(first("alpha")).buffer);
  const of: Attention = {
    ...known,
    ...{ alpha, type, queries: first("new_sequence_length") },
    reps: first("n_reps"),
    capacity: first("present_sequence_length"),
    total: seqlens === undefined ? first("total_sequence_length") : 0,
  };
  const { queries, heads, headDim, reps, capacity, causal } = of;
  const results = queries * heads * headDim;
  const keyed = (heads / reps) * capacity * headDim;
  const bytes = type === "float32" ? 4 : 2;
  if (!(results > 0 && keyed > 0)) return undefined;
  if (q.size < results * bytes || output.size < results * bytes) return;
  if (keys.size < keyed * bytes || values.size < keyed * bytes) return;
  const what = `${heads} / ${reps} heads of ${headDim}, ${type}`;
  const keysOf = (count: number) =>
    causal ? `${count} keys, causal` : `all of ${count} keys`;
  return {
    name: `attention of ${queries} to ${keysOf(capacity)}, ${what}`,
    kind: `attention of ${alike(queries)} to ${keysOf(alike(capacity))}, ${what}`,
    type,
    variants: (limits) => attentionVariants(of, limits),
    size: attentionSize(of),
    ranges: [q, keys, values, seqlens ?? keys, output],
    varied: [q, keys, values],
    given: seqlens === undefined ? [] : lengths(program, of, seqlens),
    outputs: [output],
    results,
  };
}

/** What the runtime's commands find in the buffers of lengths in a trial. */
function lengths(
  { code, reads }: Program,
  { queries, heads, capacity }: Attention,
  seqlens: Range,
): { readonly range: Range; readonly words: readonly number[] }[] {
  // As many as there are on the average while the cache fills.
  const total = Math.max(Math.ceil(capacity / 2), queries);
  const tokens = reads.get("total_sequence_length_input");
  const indirect = reads.get("indirect_buffer");
  const tile = /num_q_tiles = \(uniforms\.new_sequence_length \+ (\d+) - 1\)/;
  const keys = /\(global_total_sequence_length \+ (\d+) - 1\)/;
  const parts = Math.ceil(total / Number(keys.exec(code)?.[1] ?? 64));
  const tiles = Math.ceil(queries / Number(tile.exec(code)?.[1] ?? 1));
  return [
    { range: seqlens, words: [total - 1] },
    ...(tokens ? [{ range: tokens, words: [total] }] : []),
    ...(indirect
      ? [{ range: indirect, words: [parts, heads * tiles, 1] }]
      : []),
  ];
}
