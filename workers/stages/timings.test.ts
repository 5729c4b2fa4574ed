import { expect, test } from "vitest";
import { StageTimer } from "./timings";

/** A clock that shows these times, one after another. */
function clock(...times: number[]): () => number {
  return () => times.shift() ?? NaN;
}

test("stages add up to the first token; the rest is decoding", () => {
  const watch = new StageTimer(clock(100, 103, 110, 130, 131, 141, 151));
  watch.lap("preprocess");
  watch.lap("encode");
  watch.lap("prefill");
  expect(watch.tokens(1)).toEqual({
    preprocess: 3,
    encode: 7,
    prefill: 20,
    firstDecode: 1,
    firstToken: 31,
  });
  expect(watch.tokens(1)).toBeUndefined();
  expect(watch.tokens(1)).toBeUndefined();
  expect(watch.timings()).toMatchObject({ total: 51, tokensPerSecond: 100 });
});

test("one token has no rate, and a stage not reached took nothing", () => {
  const watch = new StageTimer(clock(0, 5));
  watch.lap("preprocess");
  expect(watch.timings()).toEqual({
    preprocess: 5,
    encode: 0,
    prefill: 0,
    firstDecode: 0,
    firstToken: 0,
    total: 5,
    tokensPerSecond: 0,
  });
});

test("a run that was stopped before its first token has no time of it", () => {
  const watch = new StageTimer(clock(0, 5, 9));
  watch.lap("prefill");
  watch.stopped();
  expect(watch.timings()).toMatchObject({
    ...{ prefill: 5, firstDecode: 0, firstToken: 0, total: 9 },
  });
  const later = new StageTimer(clock(0, 10, 30, 40));
  later.tokens(1);
  later.tokens(2);
  later.stopped();
  expect(later.timings()).toMatchObject({ firstToken: 10, total: 40 });
});

test("the rate is that of the tokens after the first ones", () => {
  const watch = new StageTimer(clock(0, 10, 30, 40));
  watch.tokens(5);
  watch.tokens(6);
  watch.tokens(0);
  expect(watch.timings()).toMatchObject({ total: 40, tokensPerSecond: 200 });
  const once = new StageTimer(clock(0, 10, 11));
  once.tokens(9);
  once.tokens(0);
  expect(once.timings()).toMatchObject({ total: 11, tokensPerSecond: 0 });
});

test("stages that the GPU has timed leave the rest to the first token", () => {
  const watch = new StageTimer(clock(0, 1, 2, 30, 32));
  watch.lap("preprocess");
  watch.lap("encode");
  watch.lap("prefill");
  watch.measured({ preprocess: 4, encode: 10, prefill: 9 });
  expect(watch.tokens(1)).toEqual({
    preprocess: 4,
    encode: 10,
    prefill: 9,
    firstDecode: 9,
    firstToken: 32,
  });
});

test("a picture that was known took nothing", () => {
  const watch = new StageTimer(clock(0, 1, 10, 12));
  watch.lap("encode");
  watch.lap("prefill");
  watch.measured({ prefill: 5 });
  expect(watch.tokens(1)).toMatchObject({ encode: 0, prefill: 5 });
});
