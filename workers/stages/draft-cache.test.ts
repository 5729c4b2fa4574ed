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
  drafts.set(prompt([1], [2]), greedy, [7, 8, 5]);
  expect(drafts.get(prompt([1], [2]), greedy)).toEqual([7, 8, 5]);
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

/** The drafts of a clip: of each answer, the number of tokens that were offered. */
function offered(answers: readonly string[]): number[] {
  const drafts = new DraftCache();
  return answers.map((answer) => {
    const { length } = drafts.get(prompt([1]), greedy);
    const ids = Array.from(answer, (char) => char.charCodeAt(0));
    drafts.set(prompt([1]), greedy, ids);
    return length;
  });
}

test.each([
  {
    clip: "one scene",
    answers: ["A red star", "A red star", "A red star", "A red star"],
    lengths: [0, 10, 10, 10],
  },
  {
    clip: "scenes of several frames",
    answers: ["red star", "red star", "blue hat", "blue hat", "cat", "cat"],
    lengths: [0, 8, 8, 8, 8, 3],
  },
  {
    clip: "cuts",
    answers: ["red star", "blue hat", "two cats", "a house", "red star"],
    lengths: [0, 8, 0, 0, 0],
  },
  {
    clip: "cuts, then one scene",
    answers: ["red star", "blue hat", "two cats", "a house", "a house", "a"],
    lengths: [0, 8, 0, 0, 0, 7],
  },
  {
    clip: "cuts with answers that begin alike",
    answers: ["A photo of a cat", "A photo of a dog", "A photo of stairs"],
    lengths: [0, 16, 13],
  },
  {
    clip: "scenes with an answer that is cut short",
    answers: ["A red star", "A red star on", "A red star on black", "A red"],
    lengths: [0, 10, 13, 19],
  },
])("offers what holds in a clip of $clip", ({ answers, lengths }) => {
  expect(offered(answers)).toEqual(lengths);
});

test("keeps the last eight prompts", () => {
  const drafts = new DraftCache();
  for (let i = 0; i < 1000; i++) drafts.set(prompt([i]), greedy, [i]);
  const known = Array.from({ length: 1000 }, (_, i) => i).filter(
    (i) => drafts.get(prompt([i]), greedy).length > 0,
  );
  expect(known).toEqual([992, 993, 994, 995, 996, 997, 998, 999]);
});
