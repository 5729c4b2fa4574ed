import type { Sampling } from "../../../src/shared/protocol";
import type { DecoderPlan } from "./graphs/decoder-plan";

/** Positions of the cache that one replay of a graph computes. */
export interface PrefillChunk {
  readonly from: number;
  readonly to: number;
  /** Length of the graph. Positions from `to` on are padding. */
  readonly length: number;
}

/** The most rows of logits of one prefill: a draft and the token before it. */
export const MAX_LOGIT_ROWS = 64;

/** The rows of logits that graphs have. There are few sizes, because each is a
 * recording and a buffer of its own. */
export const LOGIT_ROWS = [1, 16, MAX_LOGIT_ROWS] as const;

/** The most prompt positions of one chunk. The intermediate tensors of a graph
 * stay allocated. */
export const MAX_CHUNK = 512;

/** The last chunk of a prompt also holds the draft. */
export const MAX_GRAPH_LENGTH = MAX_CHUNK + MAX_LOGIT_ROWS;

/**
 * The length of the graph for so many positions. Every length is a recording of
 * its own, and padding is wasted work: at most seven positions or an eighth.
 */
export function graphLengthFor(positions: number): number {
  if (positions <= 4) return 2 ** Math.ceil(Math.log2(positions));
  const power = 2 ** Math.floor(Math.log2(positions));
  const step = Math.max(8, power / 8);
  return Math.ceil(positions / step) * step;
}

/** The rows of logits of the graph for so many wanted rows. */
export function logitRowsFor(wanted: number): number {
  return LOGIT_ROWS.find((rows) => wanted <= rows) ?? MAX_LOGIT_ROWS;
}

/**
 * Splits the positions `from` to `to` into chunks. The last `together`
 * positions, the end of the prompt and its draft, stay in one chunk, whose graph
 * has room for every row that `logitRowsFor` returns: a prompt ends in one of
 * three graphs, whatever the length of its draft. Where a graph would exceed
 * `maxPositions`, it starts earlier and computes some positions again.
 */
export function planChunks(
  from: number,
  to: number,
  together: number,
  maxPositions: number,
): PrefillChunk[] {
  const place = (at: number, end: number, positions: number): PrefillChunk => {
    const length = Math.min(graphLengthFor(positions), maxPositions);
    return { from: Math.min(at, maxPositions - length), to: end, length };
  };
  const chunks: PrefillChunk[] = [];
  const last = to - together;
  let at = from;
  for (; last - at >= MAX_CHUNK; at += MAX_CHUNK) {
    chunks.push(place(at, at + MAX_CHUNK, MAX_CHUNK));
  }
  chunks.push(place(at, to, last - at + logitRowsFor(together)));
  return chunks;
}

/**
 * The part of a draft that can be verified together with its prompt: the ids
 * before the first invalid one, at most `room`. Empty where the sampled token
 * depends on more than the logits (temperature, repetition penalty), or where
 * logits depend on the number of rows computed at once.
 */
export function usableDraft(
  draft: readonly number[],
  { temperature, repetitionPenalty }: Sampling,
  {
    vocabulary,
    batchInvariant,
  }: Pick<DecoderPlan, "vocabulary" | "batchInvariant">,
  room: number,
): readonly number[] {
  if (temperature !== 0 || repetitionPenalty !== 1 || !batchInvariant)
    return [];
  const most = Math.max(0, Math.min(MAX_LOGIT_ROWS - 1, room));
  const invalid = draft.findIndex(
    (id) => !Number.isInteger(id) || id < 0 || id >= vocabulary,
  );
  return draft.slice(0, invalid < 0 ? most : Math.min(invalid, most));
}
