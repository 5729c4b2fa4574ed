import { expect, test } from "vitest";
import { measured } from "./engine";
import { toCsv, toTable } from "./exports";
import { toSvg } from "./plot";
import type { BenchRecord, CaptionRecord, EngineName } from "./record";
import { formatNumber, ratios, summarize } from "./summary";

const calls = {
  submits: 4,
  dispatches: 40,
  passes: 4,
  copies: 1,
  writes: 2,
  maps: 1,
  bytesRead: 8,
};

const caption = (frame: number, slower: number): CaptionRecord => ({
  frame,
  stages: { capture: 1, pixels: 2, features: 10 * slower, prefill: 7 },
  firstToken: 10 + 10 * slower,
  total: 20 + 20 * slower,
  tokenIds: [5, 6],
  longTasks: { count: frame, time: 60 * frame },
  calls,
});

const engine = (name: EngineName, slower: number) => ({
  name,
  captions: [caption(0, slower), caption(1, slower), caption(2, slower)],
  sameTokens: true,
  gpuBytes: { now: 1e6, peak: 2e6 },
  ready: 3,
});

const record: BenchRecord = {
  date: "2026-01-02T03:04:05.000Z",
  versions: { "fast-vlm": "0.0.0" },
  browser: "a browser",
  device: "webgpu",
  adapter: "an adapter",
  features: [],
  model: "a model",
  dtypes: {
    vision_encoder: "fp32",
    embed_tokens: "fp32",
    decoder_model_merged: "fp32",
  },
  size: 256,
  frames: 3,
  question: "What?",
  promptTokens: 9,
  sameTokens: true,
  engines: [engine("transformers.js", 9), engine("fast-vlm", 1)],
  roofline: {
    matmul: 1e9,
    copy: 1e9,
    work: { encoder: 1e6, prefill: 1e6, tokenBytes: 1e6 },
    floor: { encoder: 1, prefill: 4, token: 1 },
  },
};

const valuesOf = (name: string) =>
  [...summarize(record), ...ratios(record)].find((row) => row.name === name)
    ?.values;

test("summarizes each engine", () => {
  expect(valuesOf("features, median")).toEqual([90, 10]);
  expect(valuesOf("time to first token, p95")).toEqual([100, 20]);
  expect(valuesOf("captions per minute")).toEqual([300, 1500]);
  expect(valuesOf("dispatches per token")).toEqual([20, 20]);
  expect(valuesOf("long tasks (over 50 ms) per caption")).toEqual([1, 1]);
  expect(valuesOf("tokens per second, median")).toEqual([undefined, undefined]);
});

test("uses the low percentile of a rate", () => {
  const captions = [10, 20, 30].map((rate, at) => ({
    ...caption(at, 1),
    tokensPerSecond: rate,
  }));
  const engines = [{ ...engine("fast-vlm", 1), captions }];
  const rows = summarize({ ...record, engines });
  const of = (name: string) => rows.find((row) => row.name === name)?.values;
  expect(of("tokens per second, p5")).toEqual([11]);
  expect(of("tokens per second, p95")).toBeUndefined();
  expect(of("captions accepted from drafts")).toEqual([0]);
  expect(valuesOf("captions accepted from drafts")).toEqual([3, 3]);
});

test("omits a stage that was not timed", () => {
  const marks = { start: 5, first: 40, end: 50, tokensPerSecond: 0 };
  const ends = [7, 7, 30] as const;
  const { stages, firstToken } = measured({ ...marks, ends }, [5, 6], calls);
  expect(stages).toEqual({ capture: 2, features: 23, prefill: 10 });
  const captions = [{ ...caption(0, 1), stages, firstToken }];
  const engines = [{ ...engine("fast-vlm", 1), captions }];
  const one = { ...record, engines };
  const rows = summarize(one);
  const of = (name: string) => rows.find((row) => row.name === name)?.values;
  expect(of("pixels, median")).toEqual([undefined]);
  expect(of("features, median")).toEqual([23]);
  expect(toCsv(one)).toContain("fast-vlm,,0,2.000,,23.000,10.000,35.000");
  expect(toSvg(one, false)).not.toContain("NaN");
});

test("compares with the first engine and the roofline", () => {
  expect(valuesOf("time to first token, speed-up")).toEqual([1, 5]);
  expect(valuesOf("captions per minute, speed-up")).toEqual([1, 5]);
  expect(valuesOf("first token, of the roofline")).toEqual([5, 25]);
});

test("omits roofline shares without a roofline", () => {
  const { roofline, ...rest } = record;
  expect(roofline).toBeDefined();
  const names = summarize(rest).map(({ name }) => name);
  expect(names.filter((name) => name.includes("roofline"))).toEqual([]);
});

test("the CSV file has one line per caption with equal numbers of cells", () => {
  const lines = toCsv(record).trimEnd().split("\r\n");
  expect(lines).toHaveLength(1 + 6);
  const widths = lines.map((line) => line.split(",").length);
  expect(new Set(widths).size).toBe(1);
  expect(lines[4]).toMatch(/^fast-vlm,,0,1\.000,2\.000,10\.000,7\.000,20\.000/);
});

test("the table names every engine and aligns its columns", () => {
  const lines = toTable(record).split("\n");
  expect(lines[0]).toMatch(/transformers\.js +fast-vlm$/);
  expect(new Set(lines.map(({ length }) => length)).size).toBe(1);
});

test("formats numbers with four significant digits", () => {
  expect(formatNumber(undefined)).toBe("–");
  expect(formatNumber(NaN)).toBe("–");
  expect(formatNumber(12345.678)).toBe("12346");
  expect(formatNumber(0.123456)).toBe("0.1235");
  expect(formatNumber(2)).toBe("2");
});
