import { expect, test } from "vitest";
import { readCreateOptions } from "./create-options";
import type { LanguageModelCoreOptions } from "./types";

test("defaults to greedy sampling without images", () => {
  expect(readCreateOptions({})).toEqual({
    images: false,
    sampling: { temperature: 0, topK: 1 },
  });
});

test("images must be listed in expectedInputs", () => {
  const expectedInputs = [{ type: "image" }, { type: "text" }] as const;
  expect(readCreateOptions({ expectedInputs }).images).toBe(true);
});

test("accepts any iterable as a list", () => {
  const expectedInputs = new Set([{ type: "image" }]) as never;
  expect(readCreateOptions({ expectedInputs }).images).toBe(true);
});

test.each([
  [1, 0, 1, 0],
  [3, 0.6, 3, 0.6],
  [1.5, 0.5, 1, 0.5],
  [99, 2, 99, 2],
  [1000, 9, 128, 2],
  [Infinity, Infinity, 128, 2],
])("topK %d and temperature %d", (topK, temperature, k, t) => {
  const { sampling, unsupported } = readCreateOptions({ topK, temperature });
  expect(sampling).toEqual({ topK: k, temperature: t });
  expect(unsupported).toBeUndefined();
});

const type = "text";

test.each<LanguageModelCoreOptions>([
  { topK: 3 },
  { temperature: 0.5 },
  { expectedInputs: [{ type, languages: ["unk"] }] },
  { expectedOutputs: [{ type, languages: ["en", "unk"] }] },
  { expectedInputs: [{ type: "audio" }] },
  { expectedOutputs: [{ type: "image" }] },
  { expectedInputs: [{ type: "tool-response" }] },
  { tools: [{ name: "a" }] },
])("%j cannot be had", (options) => {
  expect(readCreateOptions(options).unsupported).toMatch(/\.$/);
});

test.each<LanguageModelCoreOptions>([
  { tools: [] },
  { expectedInputs: [] },
  { expectedInputs: [{ type, languages: [] }] },
  { expectedInputs: [{ type, languages: ["EN", "de-CH"] }] },
  { expectedOutputs: [{ type, languages: ["en"] }] },
])("%j can", (options) => {
  expect(readCreateOptions(options).unsupported).toBeUndefined();
});

test.each<[string, LanguageModelCoreOptions]>([
  ["RangeError", { topK: 3, temperature: -0.5 }],
  ["RangeError", { topK: 0, temperature: 0.5 }],
  ["RangeError", { topK: -2, temperature: 0.5 }],
  ["RangeError", { topK: NaN, temperature: 0.5 }],
  ["RangeError", { expectedInputs: [{ type, languages: ["en-abc-invalid"] }] }],
  ["TypeError", { expectedInputs: [{ type: "soup" as "text" }] }],
  ["TypeError", { expectedInputs: [{ type, languages: "en" as never }] }],
  ["TypeError", { expectedOutputs: null as never }],
  ["TypeError", { tools: 5 as never }],
])("%s for %j", (name, options) => {
  expect(() => readCreateOptions(options)).toThrow(
    expect.objectContaining({ name }),
  );
});
