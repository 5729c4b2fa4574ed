import { expect, test } from "vitest";
import { Ranges } from "./ranges";
import { randomOf } from "./testing/bytes";

test("behaves like a set of numbers", () => {
  const random = randomOf(1);
  const pick = () => Math.floor(random() * 40);
  for (let round = 0; round < 200; round++) {
    const ranges = new Ranges();
    const numbers = new Set<number>();
    for (let i = 0; i < 6; i++) {
      const [from, to] = [pick(), pick()];
      ranges.add(from, to);
      for (let n = from; n < to; n++) numbers.add(n);
      expect(ranges.size).toBe(numbers.size);
      expect(ranges.end).toBe(Math.max(0, ...[...numbers].map((n) => n + 1)));
      const [low, high] = [pick(), pick()];
      expect(ranges.gap(low, high)).toEqual(gapOf(numbers, low, high));
    }
    // Adjacent spans are joined.
    for (const [i, [from]] of ranges.spans.entries()) {
      expect(from).toBeGreaterThan(ranges.spans[i - 1]?.[1] ?? -1);
    }
  }
});

function gapOf(numbers: Set<number>, low: number, high: number) {
  let from = low;
  while (from < high && numbers.has(from)) from++;
  if (from >= high) return undefined;
  let to = from;
  while (to < high && !numbers.has(to)) to++;
  return [from, to];
}

test("finds the end of a span; is empty once cleared", () => {
  const ranges = new Ranges();
  ranges.add(0, 5);
  ranges.add(5, 9);
  ranges.add(20, 30);
  expect([ranges.endOf(0), ranges.endOf(9), ranges.endOf(25)]).toEqual([
    9, 9, 30,
  ]);
  ranges.clear();
  expect([ranges.size, ranges.end]).toEqual([0, 0]);
});
