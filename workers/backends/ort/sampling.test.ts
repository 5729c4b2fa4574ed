import { expect, test } from "vitest";
import { Sampler } from "./sampling";

const greedy = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 1,
};

/** The share of samples per token. */
function frequencies(options: Partial<typeof greedy>, logits: number[]) {
  const counts = logits.map(() => 0);
  const draws = 20_000;
  const sampler = new Sampler({ ...greedy, temperature: 1, ...options }, []);
  for (let i = 0; i < draws; i++) {
    const id = sampler.next(Float32Array.from(logits));
    counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts.map((count) => count / draws);
}

const log = (...probabilities: number[]): number[] =>
  probabilities.map(Math.log);

test("greedy takes the first of equal maxima", () => {
  const sampler = new Sampler(greedy, []);
  expect(sampler.next(Float32Array.of(1, 3, 2, 3))).toBe(1);
});

test("greedy skips NaN", () => {
  const sampler = new Sampler(greedy, []);
  expect(sampler.next(Float32Array.of(NaN, 1, 2))).toBe(2);
});

test("sampling skips NaN and accepts infinity", () => {
  expect(frequencies({}, [NaN, 0, NaN, 0])[1]).toBeCloseTo(0.5, 1.5);
  expect(frequencies({}, [NaN, 0, -Infinity, NaN])[1]).toBe(1);
  expect(frequencies({}, [0, Infinity, 9, NaN])[1]).toBe(1);
});

test("temperature 1 samples by probability", () => {
  const drawn = frequencies({}, log(0.6, 0.3, 0.1));
  [0.6, 0.3, 0.1].forEach((p, id) => {
    expect(drawn[id]).toBeCloseTo(p, 1.5);
  });
});

test("a low temperature sharpens: p^(1/t)", () => {
  const [first = 0] = frequencies({ temperature: 0.5 }, log(0.6, 0.4));
  expect(first).toBeCloseTo(0.36 / (0.36 + 0.16), 1.5);
});

test("top-k keeps the k likeliest", () => {
  const drawn = frequencies({ topK: 2 }, log(0.2, 0.5, 0.3));
  expect(drawn[0]).toBe(0);
  expect(drawn[1]).toBeCloseTo(0.625, 1.5);
});

test("top-p keeps the smallest set that reaches p", () => {
  const drawn = frequencies({ topP: 0.7 }, log(0.15, 0.5, 0.3, 0.05));
  expect(drawn[0]).toBe(0);
  expect(drawn[3]).toBe(0);
  expect(drawn[1]).toBeCloseTo(0.625, 1.5);
});

test("top-1 is greedy, for logits of every sign and size", () => {
  for (const logits of [
    [-1, -3, -0.5, -2],
    [0, -0.1, 0.1, 1e-20],
    [-1e9, 1e9, 2e9, -2e9],
  ]) {
    const [best] = logits
      .map((logit, id) => [logit, id] as const)
      .sort((a, b) => b[0] - a[0]);
    const drawn = frequencies({ topK: 1 }, logits);
    expect(drawn[best?.[1] ?? -1]).toBe(1);
  }
});

test("the penalty divides positive and multiplies negative logits", () => {
  const options = { ...greedy, repetitionPenalty: 2 };
  expect(new Sampler(options, [0]).next(Float32Array.of(3, 2))).toBe(1);
  expect(new Sampler(options, [1]).next(Float32Array.of(-3, -2))).toBe(0);
  const own = new Sampler(options, []);
  expect(own.next(Float32Array.of(3, 2))).toBe(0);
  expect(own.next(Float32Array.of(3, 2))).toBe(1);
});

test("one seed, one sequence", () => {
  const sequence = (seed: number): number[] => {
    const sampler = new Sampler({ ...greedy, temperature: 1, seed }, []);
    return Array.from({ length: 20 }, () => sampler.next(new Float32Array(9)));
  };
  expect(sequence(5)).toEqual(sequence(5));
  expect(sequence(5)).not.toEqual(sequence(6));
});
