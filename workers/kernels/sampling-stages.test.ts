import { expect, test } from "vitest";
import { goalsOf } from "./sampling-stages";

const greedy = {
  ...{ temperature: 0, topK: 5, topP: 0.5 },
  ...{ repetitionPenalty: 1, seed: 1 },
};

for (const [what, options, goals] of [
  ["greedy, whatever else is asked", {}, []],
  ["all there is", { temperature: 1, topK: 0, topP: 1 }, [2]],
  ["the k likeliest", { temperature: 1, topP: 1 }, [0, 2]],
  ["the likeliest that reach p", { temperature: 1, topK: 0 }, [1, 2]],
  ["p of the k likeliest", { temperature: 1 }, [0, 1, 2]],
  ["k that is all", { temperature: 1, topK: 100, topP: 1 }, [2]],
  ["k that is one less", { temperature: 1, topK: 99, topP: 1 }, [0, 2]],
] as const) {
  test(`goals for ${what}`, () => {
    expect(goalsOf({ ...greedy, ...options }, 100)).toEqual(goals);
  });
}
