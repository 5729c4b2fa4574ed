import { expect, test } from "vitest";
import type { DescribeOptions, LoadOptions } from "../src/shared/protocol";
import { checkDescribe, checkLoad } from "./options";

const describeOptions: DescribeOptions = {
  run: 1,
  prompt: "Describe the image.",
  size: 256,
  maxTokens: 64,
  sampling: {
    temperature: 0,
    topK: 0,
    topP: 1,
    repetitionPenalty: 1,
    seed: 0,
  },
};

const loadOptions: LoadOptions = {
  model: "https://example.org/models/nano/",
  device: "auto",
  dtype: "q4",
};

test("the whole range of good options passes", () => {
  for (const size of [64, 256, 1024, 2048]) {
    checkDescribe({ ...describeOptions, size });
  }
  for (const device of ["auto", "webgpu", "wasm"] as const) {
    checkLoad({ ...loadOptions, device });
  }
});

for (const bad of [
  { size: 0 },
  { size: 63 },
  { size: 100 },
  { size: 2112 },
  { size: NaN },
  { maxTokens: 0 },
  { maxTokens: 1.5 },
  { maxTokens: Infinity },
  { prompt: null as unknown as string },
  { sampling: { ...describeOptions.sampling, topP: 2 } },
]) {
  test(`describe refuses ${JSON.stringify(bad)}`, () => {
    expect(() => {
      checkDescribe({ ...describeOptions, ...bad });
    }).toThrow(expect.objectContaining({ code: "bad-option" }));
  });
}

for (const bad of [
  { model: "models/nano/" },
  { model: "https://example.org/models/nano" },
  { device: "tpu" as "auto" },
  { dtype: "int8" as "q4" },
]) {
  test(`load refuses ${JSON.stringify(bad)}`, () => {
    expect(() => {
      checkLoad({ ...loadOptions, ...bad });
    }).toThrow(expect.objectContaining({ code: "bad-option" }));
  });
}
