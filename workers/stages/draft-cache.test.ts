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

test("the last answer to the same words, whatever the pictures", () => {
  const drafts = new DraftCache();
  expect(drafts.of(prompt([1], [2]), greedy)).toEqual([]);
  drafts.remember(prompt([1], [2]), greedy, [7, 8]);
  drafts.remember(prompt([1], [3]), greedy, [9]);
  expect(drafts.of(prompt([1], [2]), greedy)).toEqual([7, 8]);
  drafts.remember(prompt([1], [2]), greedy, [5]);
  expect(drafts.of(prompt([1], [2]), greedy)).toEqual([5]);
  expect(drafts.of(prompt([1, 2], []), greedy)).toEqual([]);
});

test.each([{ temperature: 1 }, { repetitionPenalty: 1.1 }])(
  "%j: no draft is given, and none is remembered",
  (change) => {
    const drafts = new DraftCache();
    const sampling = { ...greedy, ...change };
    drafts.remember(prompt([1]), sampling, [7]);
    expect(drafts.of(prompt([1]), greedy)).toEqual([]);
    drafts.remember(prompt([1]), greedy, [7]);
    expect(drafts.of(prompt([1]), sampling)).toEqual([]);
  },
);

test("what becomes of the ids later does not matter", () => {
  const drafts = new DraftCache();
  const ids = [1, 2];
  drafts.remember(prompt([1]), greedy, ids);
  ids.push(3);
  expect(drafts.of(prompt([1]), greedy)).toEqual([1, 2]);
});

test("a thousand prompts are not remembered", () => {
  const drafts = new DraftCache();
  for (let i = 0; i < 1000; i++) drafts.remember(prompt([i]), greedy, [i]);
  const known = Array.from({ length: 1000 }, (_, i) => i).filter(
    (i) => drafts.of(prompt([i]), greedy).length > 0,
  );
  expect(known).toEqual([992, 993, 994, 995, 996, 997, 998, 999]);
});

test("what is forgotten is no draft", () => {
  const drafts = new DraftCache();
  drafts.remember(prompt([1]), greedy, [7]);
  drafts.forget();
  expect(drafts.of(prompt([1]), greedy)).toEqual([]);
});
