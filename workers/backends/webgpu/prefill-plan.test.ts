import { expect, test } from "vitest";
import {
  chunksOf,
  lengthFor,
  LONGEST_GRAPH,
  MOST_ROWS,
  rowsFor,
} from "./prefill-plan";

test("little is wasted, and there are few lengths", () => {
  const lengths = new Set<number>();
  for (let positions = 1; positions <= LONGEST_GRAPH; positions++) {
    const length = lengthFor(positions);
    lengths.add(length);
    const wasted = length - positions;
    expect(wasted).toBeGreaterThanOrEqual(0);
    expect(wasted).toBeLessThan(Math.max(8, positions / 8));
  }
  expect(lengths.size).toBeLessThan(40);
  expect(lengthFor(1)).toBe(1);
  expect(Math.max(...lengths)).toBe(LONGEST_GRAPH);
});

test("rows of logits for one, or for a draft", () => {
  expect([1, 2, 16, 17, 33, 64].map(rowsFor)).toEqual([1, 16, 16, 64, 64, 64]);
});

test("however long its drafts are, a prompt ends in one of three graphs", () => {
  for (const room of [600, 1024, 32768]) {
    for (let length = 1; length < Math.min(room, 2000); length += 13) {
      const ends = new Set<string>();
      const beginnings = new Set<string>();
      const most = Math.min(MOST_ROWS, room - length + 1);
      for (let together = 1; together <= most; together++) {
        const chunks = chunksOf(0, length - 1 + together, together, room);
        ends.add(`${chunks.at(-1)?.length} ${rowsFor(together)}`);
        beginnings.add(JSON.stringify(chunks.slice(0, -1)));
      }
      expect(ends.size).toBeLessThanOrEqual(3);
      expect(beginnings.size).toBe(1);
    }
  }
});

test("every position is computed once at least, in order, within the room", () => {
  for (const room of [1, 7, 40, 700, 1024, 5000]) {
    for (const from of [0, 1, 6, 39, 515, 1000]) {
      for (const count of [1, 2, 9, 63, 64, 500, 512, 513, 600, 1300]) {
        for (const together of [1, 2, 17, 40, 64]) {
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
            expect(chunk.length).toBeLessThanOrEqual(LONGEST_GRAPH);
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
