import { expect, test } from "vitest";
import { StageTimer } from "./timings";

/** A clock that returns these times in turn. */
function clock(...times: number[]): () => number {
  return () => times.shift() ?? NaN;
}

test("the stages add up to the first token", () => {
  const timer = new StageTimer(clock(100, 103, 110, 130, 131, 141, 151));
  timer.lap("preprocess");
  timer.lap("encode");
  timer.lap("prefill");
  expect(timer.tokens(1)).toEqual({
    preprocess: 3,
    encode: 7,
    prefill: 20,
    firstDecode: 1,
    firstToken: 31,
  });
  expect(timer.tokens(1)).toBeUndefined();
  expect(timer.tokens(1)).toBeUndefined();
  expect(timer.timings()).toMatchObject({ total: 51, tokensPerSecond: 100 });
});

test("a stage that was not reached took 0", () => {
  const timer = new StageTimer(clock(0, 5));
  timer.lap("preprocess");
  expect(timer.timings()).toEqual({
    preprocess: 5,
    encode: 0,
    prefill: 0,
    firstDecode: 0,
    firstToken: 0,
    total: 5,
    tokensPerSecond: 0,
  });
});

test("an aborted request has no first token time", () => {
  const timer = new StageTimer(clock(0, 5, 9));
  timer.lap("prefill");
  timer.stop();
  expect(timer.timings()).toMatchObject({
    ...{ prefill: 5, firstDecode: 0, firstToken: 0, total: 9 },
  });
  const later = new StageTimer(clock(0, 10, 30, 40));
  later.tokens(1);
  later.tokens(2);
  later.stop();
  expect(later.timings()).toMatchObject({ firstToken: 10, total: 40 });
});

test("the rate counts the tokens after the first batch", () => {
  const timer = new StageTimer(clock(0, 10, 30, 40));
  timer.tokens(5);
  timer.tokens(6);
  timer.tokens(0);
  expect(timer.timings()).toMatchObject({ total: 40, tokensPerSecond: 200 });
  const once = new StageTimer(clock(0, 10, 11));
  once.tokens(9);
  once.tokens(0);
  expect(once.timings()).toMatchObject({ total: 11, tokensPerSecond: 0 });
});

test("the remainder of measured stages goes to firstDecode", () => {
  const timer = new StageTimer(clock(0, 1, 2, 30, 32));
  timer.lap("preprocess");
  timer.lap("encode");
  timer.lap("prefill");
  timer.measured({ preprocess: 4, encode: 10, prefill: 9 });
  expect(timer.tokens(1)).toEqual({
    preprocess: 4,
    encode: 10,
    prefill: 9,
    firstDecode: 9,
    firstToken: 32,
  });
});

test("a stage without a measured duration took 0", () => {
  const timer = new StageTimer(clock(0, 1, 10, 12));
  timer.lap("encode");
  timer.lap("prefill");
  timer.measured({ prefill: 5 });
  expect(timer.tokens(1)).toMatchObject({ encode: 0, prefill: 5 });
});
