// @ts-check
import { expect, test } from "vitest";
import { growth, slope } from "./soak-record.mjs";

test("the slope of a line is found, through noise that it is not part of", () => {
  const at = [0, 1, 2, 3, 4, 5];
  const noise = [0.5, -0.5, 0, 0, -0.5, 0.5];
  const values = at.map((x, i) => 7 - 3 * x + (noise[i] ?? 0));
  expect(slope(at, values)).toBeCloseTo(-3);
  expect(slope([5], [2])).toBe(0);
});

test("what is taken in the first half is no growth", () => {
  const at = [0, 1000, 2000, 3000, 4000];
  expect(growth(at, [0, 50, 100, 100, 100])).toBe(0);
  expect(growth(at, [0, 0, 100, 102, 104])).toBeCloseTo(2);
});
