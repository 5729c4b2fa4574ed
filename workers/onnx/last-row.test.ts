import { expect, test } from "vitest";
import {
  DecoderBuilder,
  type DecoderVariant,
} from "../testing/decoder-builder";
import { bytesOf } from "../util/read-blob";
import { keepLastRow } from "./last-row";
import { readOnnx } from "./onnx-reader";

const variants: readonly Partial<DecoderVariant>[] = [
  {},
  { products: "transposed" },
  { products: "quantized", wrapped: true },
  { rows: "asked" },
];

test.each(variants)(
  "selects the last row before the head of %j",
  async (variant) => {
    const bytes = await bytesOf(new DecoderBuilder(variant).file());
    const before = await readOnnx("d.onnx", new Blob([bytes]));
    const after = await readOnnx("d.onnx", new Blob([keepLastRow(bytes)]));
    const added = after.nodes.length - before.nodes.length;
    expect(added).toBe(1);
    const at = after.nodes.findLastIndex(({ op }) => op === "Slice");
    const [slice, head] = after.nodes.slice(at);
    expect(head?.op).toBe(
      variant.products === "quantized" ? "MatMulNBits" : "MatMul",
    );
    expect(head?.inputs[0]).toBe(slice?.outputs[0]);
    const [hidden, ...range] = slice?.inputs ?? [];
    const original = before.nodes.find(({ outputs }) => {
      return outputs[0] === head?.outputs[0];
    });
    expect(hidden).toBe(original?.inputs[0]);
    expect(range.map((name) => after.initializers.get(name)?.dims)).toEqual([
      [1],
      [1],
      [1],
    ]);
    expect(after.outputs[0]).toEqual({
      name: "logits",
      type: "float32",
      shape: [1, 1, 50],
    });
    expect(after.outputs.slice(1)).toEqual(before.outputs.slice(1));
    expect(after.inputs).toEqual(before.inputs);
  },
);

test("leaves a graph alone whose output layer it does not know", async () => {
  const bytes = await bytesOf(new DecoderBuilder({ products: "gemm" }).file());
  expect(keepLastRow(bytes)).toBe(bytes);
});
