import { expect, test } from "vitest";
import {
  planChunks,
  graphLengthFor,
  MAX_GRAPH_LENGTH,
  MAX_LOGIT_ROWS,
  logitRowsFor,
  usableDraft,
} from "./prefill-plan";

test("wastes little and has few graph lengths", () => {
  const lengths = new Set<number>();
  for (let positions = 1; positions <= MAX_GRAPH_LENGTH; positions++) {
    const length = graphLengthFor(positions);
    lengths.add(length);
    const wasted = length - positions;
    expect(wasted).toBeGreaterThanOrEqual(0);
    expect(wasted).toBeLessThan(Math.max(8, positions / 8));
  }
  expect(lengths.size).toBeLessThan(40);
  expect(graphLengthFor(1)).toBe(1);
  expect(Math.max(...lengths)).toBe(MAX_GRAPH_LENGTH);
});

test("has three numbers of logit rows", () => {
  expect([1, 2, 16, 17, 33, 64].map(logitRowsFor)).toEqual([
    1, 16, 16, 64, 64, 64,
  ]);
});

test("ends a prompt in one of three graphs, whatever the length of its draft", () => {
  for (const room of [600, 1024, 32768]) {
    for (let length = 1; length < Math.min(room, 2000); length += 13) {
      const ends = new Set<string>();
      const beginnings = new Set<string>();
      const most = Math.min(MAX_LOGIT_ROWS, room - length + 1);
      for (let together = 1; together <= most; together++) {
        const chunks = planChunks(0, length - 1 + together, together, room);
        ends.add(`${chunks.at(-1)?.length} ${logitRowsFor(together)}`);
        beginnings.add(JSON.stringify(chunks.slice(0, -1)));
      }
      expect(ends.size).toBeLessThanOrEqual(3);
      expect(beginnings.size).toBe(1);
    }
  }
});

test("computes every position in order, within the capacity", () => {
  for (const room of [1, 7, 40, 700, 1024, 5000]) {
    for (const from of [0, 1, 6, 39, 515, 1000]) {
      for (const count of [1, 2, 9, 63, 64, 500, 512, 513, 600, 1300]) {
        for (const together of [1, 2, 17, 40, 64]) {
          const to = from + count;
          if (to > room || together > count) continue;
          const chunks = planChunks(from, to, together, room);
          let done = from;
          for (const chunk of chunks) {
            expect(chunk.from).toBeLessThanOrEqual(done);
            expect(chunk.from).toBeGreaterThanOrEqual(0);
            expect(chunk.to).toBeGreaterThan(done);
            expect(chunk.from + chunk.length).toBeGreaterThanOrEqual(chunk.to);
            expect(chunk.from + chunk.length).toBeLessThanOrEqual(room);
            expect(chunk.length).toBeLessThanOrEqual(MAX_GRAPH_LENGTH);
            done = chunk.to;
          }
          expect(done).toBe(to);
          expect(chunks.at(-1)?.from).toBeLessThanOrEqual(to - together);
        }
      }
    }
  }
});

test("starts a graph earlier at the end of the cache", () => {
  expect(planChunks(95, 100, 1, 100)).toEqual([
    { from: 92, to: 100, length: 8 },
  ]);
});

const greedy = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 0,
};

const plan = { vocabulary: 100, batchInvariant: true };

test("uses a draft up to its first invalid id", () => {
  for (const wrong of [-1, 100, 1.5, NaN, Infinity]) {
    expect(usableDraft([3, 99, wrong, 4], greedy, plan, 50)).toEqual([3, 99]);
  }
  expect(usableDraft([0, 99], greedy, plan, 50)).toEqual([0, 99]);
});

test("uses no more of a draft than there is room for", () => {
  const long = Array.from({ length: 500 }, (_, i) => i % 100);
  expect(usableDraft(long, greedy, plan, 7)).toEqual(long.slice(0, 7));
  expect(usableDraft(long, greedy, plan, 0)).toEqual([]);
  expect(usableDraft(long, greedy, plan, 400)).toHaveLength(MAX_LOGIT_ROWS - 1);
});

test("uses no draft with temperature or penalty", () => {
  const drawn = { ...greedy, temperature: 0.5 };
  const penalised = { ...greedy, repetitionPenalty: 1.1 };
  for (const sampling of [drawn, penalised]) {
    expect(usableDraft([1, 2], sampling, plan, 50)).toEqual([]);
  }
});

test("uses no draft if logits depend on the number of rows", () => {
  const apart = { ...plan, batchInvariant: false };
  expect(usableDraft([1, 2], greedy, apart, 50)).toEqual([]);
});
