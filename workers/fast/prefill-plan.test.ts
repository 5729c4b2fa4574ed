import { expect, test } from "vitest";
import { chunksOf, lengthFor, LONGEST, rowsFor } from "./prefill-plan";

test("little is wasted, and there are few lengths", () => {
  const lengths = new Set<number>();
  for (let positions = 1; positions <= LONGEST; positions++) {
    const length = lengthFor(positions);
    lengths.add(length);
    const wasted = length - positions;
    expect(wasted).toBeGreaterThanOrEqual(0);
    expect(wasted).toBeLessThan(Math.max(8, positions / 8));
  }
  expect(lengths.size).toBeLessThan(40);
  expect(lengthFor(1)).toBe(1);
  expect(Math.max(...lengths)).toBe(LONGEST);
});

test("rows of logits for one, or for a draft", () => {
  expect([1, 2, 8, 9, 33, 64].map(rowsFor)).toEqual([1, 8, 8, 16, 64, 64]);
});

test("every position is computed once at least, in order, within the room", () => {
  for (const room of [1, 7, 40, 700, 1024, 5000]) {
    for (const from of [0, 1, 6, 39, 515, 1000]) {
      for (const count of [1, 2, 9, 63, 64, 500, 512, 513, 600, 1300]) {
        for (const together of [1, 40, 64]) {
          const to = from + count;
          if (to > room || together > count) continue;
          const chunks = chunksOf(from, to, together, room);
          let done = from;
          for (const chunk of chunks) {
            expect(chunk.from).toBeLessThanOrEqual(done);
            expect(chunk.from).toBeGreaterThanOrEqual(0);
            expect(chunk.to).toBeGreaterThan(done);
            expect(chunk.from + chunk.length).toBeGreaterThanOrEqual(chunk.to);
            expect(chunk.from + chunk.length).toBeLessThanOrEqual(room);
            expect(chunk.length).toBeLessThanOrEqual(LONGEST);
            done = chunk.to;
          }
          expect(done).toBe(to);
          expect(chunks.at(-1)?.from).toBeLessThanOrEqual(to - together);
        }
      }
    }
  }
});

test("a graph at the end of the room begins earlier", () => {
  expect(chunksOf(95, 100, 1, 100)).toEqual([{ from: 92, to: 100, length: 8 }]);
});
