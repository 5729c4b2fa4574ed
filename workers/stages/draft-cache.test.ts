import { expect, test } from "vitest";
import { DraftCache } from "./draft-cache";

const greedy = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 0,
};
const prompt = (...texts: number[][]) => ({ texts });

test("returns the previous answer to the same text", () => {
  const drafts = new DraftCache();
  expect(drafts.get(prompt([1], [2]), greedy)).toEqual([]);
  drafts.set(prompt([1], [2]), greedy, [7, 8]);
  drafts.set(prompt([1], [3]), greedy, [9]);
  expect(drafts.get(prompt([1], [2]), greedy)).toEqual([7, 8]);
  drafts.set(prompt([1], [2]), greedy, [5]);
  expect(drafts.get(prompt([1], [2]), greedy)).toEqual([5]);
  expect(drafts.get(prompt([1, 2], []), greedy)).toEqual([]);
});

test.each([{ temperature: 1 }, { repetitionPenalty: 1.1 }])(
  "neither stores nor returns a draft with %j",
  (change) => {
    const drafts = new DraftCache();
    const sampling = { ...greedy, ...change };
    drafts.set(prompt([1]), sampling, [7]);
    expect(drafts.get(prompt([1]), greedy)).toEqual([]);
    drafts.set(prompt([1]), greedy, [7]);
    expect(drafts.get(prompt([1]), sampling)).toEqual([]);
  },
);

test("copies the ids", () => {
  const drafts = new DraftCache();
  const ids = [1, 2];
  drafts.set(prompt([1]), greedy, ids);
  ids.push(3);
  expect(drafts.get(prompt([1]), greedy)).toEqual([1, 2]);
});

test("keeps the last eight prompts", () => {
  const drafts = new DraftCache();
  for (let i = 0; i < 1000; i++) drafts.set(prompt([i]), greedy, [i]);
  const known = Array.from({ length: 1000 }, (_, i) => i).filter(
    (i) => drafts.get(prompt([i]), greedy).length > 0,
  );
  expect(known).toEqual([992, 993, 994, 995, 996, 997, 998, 999]);
});
