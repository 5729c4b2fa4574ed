import { afterAll, beforeAll, expect, test } from "vitest";
import type { Gpu } from "../../../ort/device";
import {
  exportError,
  openPublished,
  relativeError,
  type Chunk,
} from "../../../testing/decoder-error";
import { other } from "../../../testing/harness";
import { testGpu } from "../../../testing/on-gpu";

let gpu: Gpu;

beforeAll(async () => {
  gpu = await testGpu();
});

afterAll(() => {
  gpu.close();
});

/** ONNX Runtime uses another attention kernel from 32 positions on. */
const runs: Readonly<Record<string, readonly Chunk[]>> = {
  "": [
    [5, 5],
    [40, 40],
    [1, 1],
  ],
  // Padded runs, whose padding the next run overwrites.
  _q4: [
    [10, 16],
    [33, 48],
    [7, 16],
    [1, 1],
  ],
};

for (const [dtype, chunks] of Object.entries(runs)) {
  test(`nano${dtype} matches the published graph in runs of ${chunks.join(" and ")}`, async () => {
    const file = `decoder_model_merged${dtype}.onnx`;
    const published = await openPublished("/models/nano/", file);
    expect(await relativeError(published, chunks, gpu)).toBeLessThan(1e-5);
  });
}

test("matches a published graph with external data and one layer", async () => {
  const published = await openPublished(other, "decoder_model_merged.onnx");
  const chunks: readonly Chunk[] = [
    [36, 40],
    [3, 3],
  ];
  expect(await relativeError(published, chunks, gpu)).toBeLessThan(1e-5);
});

// decoder.long.gpu.test.ts has the other exports.
test.each([
  { products: "gemm", bias: "inside", gate: "alone", interleaved: true },
  { gate: "packed" },
  { products: "dequantized", zeros: "some" },
  { products: "quantized", bits: "mixed", zeros: "some" },
] as const)("matches a decoder exported as %j", async (variant) => {
  expect(await exportError(variant, gpu)).toBeLessThan(1e-5);
});

// The gate and the up projection have 96 columns.
test.each([
  [{ products: "matmul" }, 64 * 64 * 4],
  [{ products: "gemm", bias: "inside" }, 64 * 64 * 4],
  [{ products: "quantized", zeros: "all" }, 64 * 32],
] as const)(
  "splits the matrices of %j into parts",
  async (variant, largest) => {
    expect(await exportError(variant, gpu, largest)).toBeLessThan(1e-5);
  },
);
