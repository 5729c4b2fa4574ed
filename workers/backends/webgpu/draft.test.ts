import { expect, test } from "vitest";
import { usableDraft } from "./draft";
import { MOST_ROWS } from "./prefill-plan";

const greedy = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 0,
};

const plan = { vocabulary: 100, batchInvariant: true };

test("a draft is used up to the first id that there is not", () => {
  for (const wrong of [-1, 100, 1.5, NaN, Infinity]) {
    expect(usableDraft([3, 99, wrong, 4], greedy, plan, 50)).toEqual([3, 99]);
  }
  expect(usableDraft([0, 99], greedy, plan, 50)).toEqual([0, 99]);
});

test("no more is used than there is room for", () => {
  const long = Array.from({ length: 500 }, (_, i) => i % 100);
  expect(usableDraft(long, greedy, plan, 7)).toEqual(long.slice(0, 7));
  expect(usableDraft(long, greedy, plan, 0)).toEqual([]);
  expect(usableDraft(long, greedy, plan, 400)).toHaveLength(MOST_ROWS - 1);
});

test("where tokens depend on those before them none is used", () => {
  const drawn = { ...greedy, temperature: 0.5 };
  const penalised = { ...greedy, repetitionPenalty: 1.1 };
  for (const sampling of [drawn, penalised]) {
    expect(usableDraft([1, 2], sampling, plan, 50)).toEqual([]);
  }
});

test("where logits depend on how many are computed at once none is used", () => {
  const apart = { ...plan, batchInvariant: false };
  expect(usableDraft([1, 2], greedy, apart, 50)).toEqual([]);
});
