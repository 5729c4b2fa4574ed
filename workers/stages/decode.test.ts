import { expect, test } from "vitest";
import type { Generation } from "../backends/backend";
import { Stopped } from "../util/scheduler";
import { decode } from "./decode";

const END = 9;

/** A generation of these batches that records the limits it is given. */
function generation(...batches: number[][]) {
  const limits: number[] = [];
  const fake: Generation = {
    next: (limit) => {
      limits.push(limit);
      return Promise.resolve(batches.shift() ?? []);
    },
    dispose: () => undefined,
  };
  return { fake, limits };
}

async function run(
  from: Generation,
  limit: number,
  signal = new AbortController().signal,
) {
  const endTokens = new Set([END]);
  const batches: (readonly number[])[] = [];
  const rules = { endTokens, limit, signal };
  const finish = await decode(from, rules, (ids) => batches.push(ids)).catch(
    (error: unknown) => {
      if (error instanceof Stopped) return "stopped";
      throw error;
    },
  );
  return { batches, finish };
}

test("passes on batches up to the end token", async () => {
  const { fake, limits } = generation([1], [2, 3, 4], [5, END, 7]);
  expect(await run(fake, 20)).toEqual({
    batches: [[1], [2, 3, 4], [5]],
    finish: "stop",
  });
  expect(limits).toEqual([20, 19, 16]);
});

test("an end token at the start ends without tokens", async () => {
  const { fake } = generation([END, 1, 2]);
  expect(await run(fake, 20)).toEqual({ batches: [], finish: "stop" });
});

test("stops at the limit", async () => {
  const { fake, limits } = generation([1, 2], [3], [4, 5]);
  expect(await run(fake, 3)).toEqual({
    batches: [[1, 2], [3]],
    finish: "length",
  });
  expect(limits).toEqual([3, 1]);
});

test("an end token at the limit finishes with stop", async () => {
  const { fake } = generation([1, END]);
  expect(await run(fake, 2)).toMatchObject({ finish: "stop" });
});

test("an abort during a batch discards that batch", async () => {
  const controller = new AbortController();
  const { fake } = generation([1], [2, 3, 4]);
  let calls = 0;
  const aborting: Generation = {
    dispose: () => undefined,
    next: (limit) => {
      if (++calls === 2) setTimeout(() => controller.abort());
      return new Promise((resolve) =>
        setTimeout(() => resolve(fake.next(limit)), 5),
      );
    },
  };
  expect(await run(aborting, 20, controller.signal)).toEqual({
    batches: [[1]],
    finish: "stopped",
  });
  expect(calls).toBe(2);
});

test("requests no tokens when aborted before it starts", async () => {
  const { fake, limits } = generation([1]);
  const { finish } = await run(fake, 20, AbortSignal.abort());
  expect(finish).toBe("stopped");
  expect(limits).toEqual([]);
});
