import type { Sampling } from "../../src/shared/protocol";

/** What a draw asks for, one after another, as numbered in descent.wgsl. */
export type SamplingGoal = 0 | 1 | 2;

/** None: greedy. */
export function goalsOf(
  { temperature, topK, topP }: Sampling,
  vocabulary: number,
): readonly SamplingGoal[] {
  if (temperature === 0) return [];
  const goals: SamplingGoal[] = [];
  if (topK > 0 && topK < vocabulary) goals.push(0);
  if (topP < 1) goals.push(1);
  return [...goals, 2];
}
