import type { Sampling } from "../../../src/shared/protocol";
import type { DecoderPlan } from "./graphs/decoder-plan";
import { MOST_ROWS } from "./prefill-plan";

/**
 * As much of a draft as can be verified together with its prompt: ids that
 * there are, no more than the cache has room for. None where what is picked
 * depends on more than the logits, or these on how many are computed at once.
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
  const most = Math.max(0, Math.min(MOST_ROWS - 1, room));
  const wrong = draft.findIndex(
    (id) => !Number.isInteger(id) || id < 0 || id >= vocabulary,
  );
  return draft.slice(0, wrong < 0 ? most : Math.min(wrong, most));
}
