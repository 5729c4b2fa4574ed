import { expect, test } from "vitest";
import { samplingStages } from "./sampler-state";

const greedy = {
  ...{ temperature: 0, topK: 5, topP: 0.5 },
  ...{ repetitionPenalty: 1, seed: 1 },
};

for (const [what, options, stages] of [
  ["greedy, whatever the other options", {}, []],
  ["the whole vocabulary", { temperature: 1, topK: 0, topP: 1 }, [2]],
  ["top-k", { temperature: 1, topP: 1 }, [0, 2]],
  ["top-p", { temperature: 1, topK: 0 }, [1, 2]],
  ["top-k and top-p", { temperature: 1 }, [0, 1, 2]],
  ["k equal to the vocabulary", { temperature: 1, topK: 100, topP: 1 }, [2]],
  ["k one below the vocabulary", { temperature: 1, topK: 99, topP: 1 }, [0, 2]],
] as const) {
  test(`stages for ${what}`, () => {
    expect(samplingStages({ ...greedy, ...options }, 100)).toEqual(stages);
  });
}
