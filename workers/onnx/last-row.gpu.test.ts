import { expect, test } from "vitest";
import { noise } from "../kernels/testing/random";
import { DecoderBuilder, decoderConfig } from "../testing/decoder-builder";
import { publishedLogits } from "../testing/published-decoder";
import { keepLastRow } from "./last-row";
import { readOnnx } from "./onnx-reader";

test.each([
  { products: "matmul" },
  { products: "transposed" },
  { products: "gemm" },
  { products: "quantized" },
  { products: "dequantized" },
] as const)("the last row stays as it is with %j", async (variant) => {
  const { hidden, vocabulary } = decoderConfig;
  const graph = await readOnnx("d.onnx", new DecoderBuilder(variant).file());
  const logits = (edit?: typeof keepLastRow) =>
    publishedLogits(
      graph,
      new Map(),
      noise(5 * hidden, 7),
      decoderConfig,
      edit,
    );
  const all = await logits();
  const last = await logits(keepLastRow);
  expect(all).toHaveLength(5 * vocabulary);
  expect(last).toHaveLength(vocabulary);
  const wanted = all.subarray(4 * vocabulary);
  last.forEach((logit, i) => {
    expect(logit).toBeCloseTo(wanted[i] ?? NaN, 4);
  });
});
