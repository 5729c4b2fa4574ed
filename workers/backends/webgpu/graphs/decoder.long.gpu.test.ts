import { afterAll, beforeAll, expect, test } from "vitest";
import type { Gpu } from "../../../ort/device";
import { exportError } from "../../../testing/decoder-error";
import { testGpu } from "../../../testing/on-gpu";

let gpu: Gpu;

beforeAll(async () => {
  gpu = await testGpu();
});

afterAll(() => {
  gpu.close();
});

test.each([
  { norm: "simplified", bias: "none", qkv: "packed", rotary: "inside" },
  { products: "transposed", norm: "decomposed", gate: "quick", wrapped: true },
  { products: "quantized", bias: "some", zeros: "some", interleaved: true },
  {
    products: "quantized",
    bits: 8,
    bias: "inside",
    qkv: "split",
    zeros: "all",
  },
] as const)("matches a decoder exported as %j", async (variant) => {
  expect(await exportError(variant, gpu)).toBeLessThan(1e-5);
});
