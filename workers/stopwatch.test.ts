import { expect, test } from "vitest";
import { Stopwatch } from "./stopwatch";

/** A clock that shows these times, one after another. */
function clock(...times: number[]): () => number {
  return () => times.shift() ?? NaN;
}

test("stages add up to the first token; the rest is decoding", () => {
  const watch = new Stopwatch(clock(100, 103, 110, 130, 131, 141, 151));
  watch.lap("preprocess");
  watch.lap("encode");
  watch.lap("prefill");
  expect(watch.token()).toEqual({
    preprocess: 3,
    encode: 7,
    prefill: 20,
    firstDecode: 1,
    firstToken: 31,
  });
  expect(watch.token()).toBeUndefined();
  expect(watch.token()).toBeUndefined();
  expect(watch.timings(3)).toMatchObject({ total: 51, tokensPerSecond: 100 });
});

test("one token has no rate, and a stage not reached took nothing", () => {
  const watch = new Stopwatch(clock(0, 5));
  watch.lap("preprocess");
  expect(watch.timings(0)).toEqual({
    preprocess: 5,
    encode: 0,
    prefill: 0,
    firstDecode: 0,
    firstToken: 0,
    total: 5,
    tokensPerSecond: 0,
  });
});
