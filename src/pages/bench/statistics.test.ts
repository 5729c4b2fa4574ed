import { expect, test } from "vitest";
import { median, quantile, sum } from "./statistics";

test("quantiles lie between neighbours, in any order", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(
    quantile(
      Array.from({ length: 101 }, (_, at) => 100 - at),
      0.95,
    ),
  ).toBe(95);
  expect(quantile([10, 20], 0.25)).toBe(12.5);
  expect(quantile([7], 0.95)).toBe(7);
});

test("nothing has no median, and adds up to 0", () => {
  expect(median([])).toBeNaN();
  expect(sum([])).toBe(0);
});
