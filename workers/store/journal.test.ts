import { expect, test } from "vitest";
import { decodeLines, encodeLine } from "./journal";

const values = [[0, 10], { verified: 5 }, "é\n", null];
const whole = new Uint8Array(values.flatMap((value) => [...encodeLine(value)]));

test("what is written is read back", () => {
  expect(decodeLines(whole)).toEqual({ values, end: whole.length });
});

test("a line cut at any byte does not count, those before it do", () => {
  for (let cut = 0; cut < whole.length; cut++) {
    const { values: read, end } = decodeLines(whole.subarray(0, cut));
    expect(read).toEqual(values.slice(0, read.length));
    expect(end).toBeLessThanOrEqual(cut);
    const next = encodeLine(values[read.length]).length;
    expect(end + next).toBeGreaterThan(cut);
  }
});

test("no spoiled line counts, nor any after it", () => {
  for (let at = 0; at < whole.length; at++) {
    const spoiled = whole.slice();
    spoiled[at] = (spoiled[at] ?? 0) ^ 1;
    const { values: read } = decodeLines(spoiled);
    expect(read.length).toBeLessThan(values.length);
    expect(read).toEqual(values.slice(0, read.length));
  }
});

test("zeroes and nothing are no lines", () => {
  expect(decodeLines(new Uint8Array(100)).values).toEqual([]);
  expect(decodeLines(new Uint8Array())).toEqual({ values: [], end: 0 });
});
