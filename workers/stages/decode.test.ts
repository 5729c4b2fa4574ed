import { expect, test } from "vitest";
import { decode } from "./decode";
import type { Generation } from "../backends/backend";

const END = 9;

/** Gives these, batch by batch, and notes what it was asked for. */
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
  room: number,
  signal = new AbortController().signal,
) {
  const endTokens = new Set([END]);
  const tokens = decode(from, { endTokens, room, signal });
  const batches: (readonly number[])[] = [];
  for (;;) {
    const { value, done } = await tokens.next();
    if (done === true) return { batches, finish: value };
    batches.push(value);
  }
}

test("batches are passed on as they come, up to the end token", async () => {
  const { fake, limits } = generation([1], [2, 3, 4], [5, END, 7]);
  expect(await run(fake, 20)).toEqual({
    batches: [[1], [2, 3, 4], [5]],
    finish: "stop",
  });
  expect(limits).toEqual([20, 19, 16]);
});

test("an end token that comes first ends with nothing", async () => {
  const { fake } = generation([END, 1, 2]);
  expect(await run(fake, 20)).toEqual({ batches: [], finish: "stop" });
});

test("there is room for so many tokens", async () => {
  const { fake, limits } = generation([1, 2], [3], [4, 5]);
  expect(await run(fake, 3)).toEqual({
    batches: [[1, 2], [3]],
    finish: "length",
  });
  expect(limits).toEqual([3, 1]);
});

test("the end token as the last for which there is room is a stop", async () => {
  const { fake } = generation([1, END]);
  expect(await run(fake, 2)).toMatchObject({ finish: "stop" });
});

test("an abort while a batch is under way loses that batch", async () => {
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
    finish: "abort",
  });
  expect(calls).toBe(2);
});

test("what is aborted before it begins asks for nothing", async () => {
  const { fake, limits } = generation([1]);
  const { finish } = await run(fake, 20, AbortSignal.abort());
  expect(finish).toBe("abort");
  expect(limits).toEqual([]);
});
