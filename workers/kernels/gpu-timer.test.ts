import { expect, test } from "vitest";
import { lapsOf } from "./gpu-timer";

const ms = (...times: number[]): BigUint64Array =>
  BigUint64Array.from(times, (time) => BigInt(time) * 1_000_000n);

test("measures a stage from its first to its last pass", () => {
  const stages = ["encode", "encode", "prefill"];
  expect(lapsOf(stages, ms(10, 12, 15, 19, 20, 23))).toEqual({
    ...{ encode: 9, prefill: 3 },
  });
});

test("measures alternating stages separately", () => {
  const stages = ["resize", "encode", "encode", "resize", "encode"];
  expect(lapsOf(stages, ms(0, 1, 1, 5, 6, 9, 9, 11, 20, 27))).toEqual({
    ...{ resize: 3, encode: 15 },
  });
});

test("leaves out a stage without an end", () => {
  const stages = ["encode", "prefill", "prefill"];
  expect(lapsOf(stages, ms(1, 2, 3, 4))).toEqual({ encode: 1 });
});

test("clamps negative durations to zero", () => {
  expect(lapsOf(["encode"], ms(9, 8))).toEqual({ encode: 0 });
});
