import {
  attentionUniform,
  attentionVariants,
  type Attention,
} from "../../../kernels/attention";
import { lifetimeOf, type RecordedStep } from "./tensor-lifetime";
import { rangesHold, roundedRows, type Operation } from "./operation";
import {
  decodeAttentionOf,
  decodeAttentionTiles,
  flashAttentionOf,
  floatUniformOf,
  storageTypeOf,
  uniformOf,
  type BufferRange,
  type ShaderProgram,
} from "./ort-shader";

type Heads = Pick<Attention, "headDim" | "heads" | "causal">;

/** Matches ORT's `FlashAttention`: a prompt or an image, in one dispatch. */
export function matchAttention(program: ShaderProgram): Operation | undefined {
  if (program.label !== "FlashAttention") return undefined;
  const output = program.writes.get("output");
  return output && operationOf(program, flashAttentionOf(program), output);
}

/**
 * Matches ORT's attention of few queries: `FlashAttentionDecodeQKV` computes
 * parts of the keys separately, and `FlashAttentionDecodeVxReduce` joins them.
 */
export function matchSplitAttention(
  steps: readonly RecordedStep[],
  first: number,
): Operation | undefined {
  const [split, join] = [steps[first]?.program, steps[first + 1]?.program];
  if (split?.label !== "FlashAttentionDecodeQKV") return undefined;
  if (join?.label !== "FlashAttentionDecodeVxReduce") return undefined;
  const parts = [...split.writes.values()];
  const joined = [join.reads.get("input"), join.reads.get("metadata")];
  const output = join.writes.get("output");
  if (output === undefined || parts.length !== 2) return undefined;
  const onlyJoined = parts.every((part) => {
    const { complete, readers } = lifetimeOf(steps, first, part);
    return (
      complete &&
      readers.length === 1 &&
      joined.some((range) => range?.buffer === part.buffer)
    );
  });
  if (joined.includes(undefined) || !onlyJoined) return undefined;
  return operationOf(split, decodeAttentionOf(split), output);
}

function operationOf(
  program: ShaderProgram,
  { headDim, heads, causal }: Heads,
  output: BufferRange,
): Operation | undefined {
  const { reads } = program;
  const q = reads.get("q");
  const [keys, values] = [reads.get("present_key"), reads.get("present_value")];
  const seqlens = reads.get("seqlens_k");
  const type = storageTypeOf(program, ["q", "present_key", "present_value"]);
  if (!q || !keys || !values || !type) return undefined;
  const first = (name: string) => uniformOf(program, name);
  if (first("batch_size") !== 1 || reads.has("attention_bias"))
    return undefined;
  const alpha = floatUniformOf(program, "alpha");
  const queries = first("new_sequence_length");
  const reps = first("n_reps");
  const capacity = first("present_sequence_length");
  // 0: the kernel reads the length from seqlens_k.
  const total = seqlens === undefined ? first("total_sequence_length") : 0;
  if (!alpha || !queries || !reps || !capacity || total === undefined)
    return undefined;
  const attention: Attention = {
    ...{ headDim, heads, causal, alpha, type },
    ...{ queries, reps, capacity, total },
  };
  const results = queries * heads * headDim;
  const keySize = (heads / reps) * capacity * headDim;
  const fits = rangesHold(
    type,
    [q, results],
    [output, results],
    [keys, keySize],
    [values, keySize],
  );
  if (!fits) return undefined;
  const rest = `${heads} / ${reps} heads of ${headDim}, ${type}`;
  const describe = (queries: number, keys: number) =>
    `attention of ${queries} to ${causal ? `${keys} keys, causal` : `all of ${keys} keys`}, ${rest}`;
  return {
    name: describe(queries, capacity),
    kind: describe(roundedRows(queries), roundedRows(capacity)),
    type,
    multiplyAdds: 2 * results * (total || halfFull(capacity, queries)),
    variants: (limits) => attentionVariants(attention, limits),
    uniform: attentionUniform(attention),
    ranges: [q, keys, values, seqlens ?? keys, output],
    noisy: [q, keys, values],
    preset:
      seqlens === undefined ? [] : presetLengths(program, attention, seqlens),
    outputs: [output],
    results: [results],
  };
}

/** The average of the lengths while a cache fills. */
function halfFull(capacity: number, queries: number): number {
  return Math.max(Math.ceil(capacity / 2), queries);
}

/** Lengths for a trial: those of a cache that is half full. */
function presetLengths(
  program: ShaderProgram,
  { queries, heads, capacity }: Attention,
  seqlens: BufferRange,
): { readonly range: BufferRange; readonly words: readonly number[] }[] {
  const total = halfFull(capacity, queries);
  const tokens = program.reads.get("total_sequence_length_input");
  const indirect = program.reads.get("indirect_buffer");
  const tile = decodeAttentionTiles(program);
  const parts = Math.ceil(total / tile.keys);
  const tiles = Math.ceil(queries / tile.queries);
  return [
    { range: seqlens, words: [total - 1] },
    ...(tokens ? [{ range: tokens, words: [total] }] : []),
    ...(indirect
      ? [{ range: indirect, words: [parts, heads * tiles, 1] }]
      : []),
  ];
}
