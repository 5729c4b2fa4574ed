import { expect, test } from "vitest";
import type { Dtype } from "../../../src/shared/models";
import { readOnnx } from "../../onnx/onnx-reader";
import type { NodeSpec } from "../../onnx/onnx-writer";
import { DecoderBuilder, decoderConfig } from "../../testing/decoder-builder";
import { onnxFile, type OnnxFile } from "../../testing/onnx-file";
import { openPublishedModel } from "../../testing/published/open";
import { convert } from "../../testing/published/precision";
import {
  planWasmDecoder,
  weightsOf,
  type WasmDecoderPlan,
} from "./decoder-plan";

async function plan(file: OnnxFile): Promise<WasmDecoderPlan> {
  const graph = await readOnnx("test.onnx", onnxFile(file));
  return planWasmDecoder(graph, new Map(), decoderConfig);
}

const kindsOf = ({ layers, head }: WasmDecoderPlan) => {
  const products = layers.flatMap(({ qkv, out, gate, down }) => [
    ...[qkv, out, gate, down],
  ]);
  return new Set([...products, head].map(({ kind }) => kind));
};

test.each([
  ["fp32", "f32"],
  ["fp16", "f32"],
  ["q4", "q4"],
  ["q4f16", "q4"],
  ["q8", "int8"],
  ["int8", "int8"],
  ["uint8", "int8"],
] as const satisfies readonly (readonly [Dtype, string])[])(
  "plans the published decoder in %s",
  async (dtype, kind) => {
    const { graphs, config } = await openPublishedModel(dtype);
    const { graph, external } = graphs.decoder_model_merged;
    const plan = await planWasmDecoder(graph, external, config);
    expect(kindsOf(plan)).toEqual(new Set([kind]));
    expect(plan).toMatchObject({ vocabulary: 151_646, hidden: 64 });
    // Two tables, a norm, and the head with its bias; 10 in each layer.
    expect([...weightsOf(plan)]).toHaveLength(5 + 10 * 2);
  },
);

/** Replaces the four nodes of a product of integers by one. */
function fused(
  file: OnnxFile,
  op: "MatMulIntegerToFloat" | "DynamicQuantizeMatMul",
): OnnxFile {
  const nodes: NodeSpec[] = [];
  let input = "";
  for (let i = 0; i < file.nodes.length; i++) {
    const node = file.nodes[i];
    if (node === undefined) continue;
    if (node.op === "DynamicQuantizeLinear") [input = ""] = node.inputs;
    if (node.op !== "MatMulInteger") {
      nodes.push(node);
      continue;
    }
    const [x = "", weight = "", zero = "", point = ""] = node.inputs;
    const [scale = "", by = ""] = file.nodes[i + 2]?.inputs ?? [];
    const inputs =
      op === "MatMulIntegerToFloat"
        ? [x, weight, scale, by, zero, point]
        : [input, weight, by, point];
    const outputs = file.nodes[i + 3]?.outputs ?? [];
    const domain = "com.microsoft";
    nodes.push({ op, domain, inputs, outputs, attributes: {} });
    i += 3;
  }
  return { ...file, nodes };
}

test.each(["MatMulIntegerToFloat", "DynamicQuantizeMatMul"] as const)(
  "plans products of integers that are one %s",
  async (op) => {
    const file = await convert(new DecoderBuilder({}).graph(), "q8");
    const { layers } = await plan(fused(file, op));
    expect(layers.map(({ gate }) => gate.kind)).toEqual(["int8", "int8"]);
  },
);

test("packs the projections of one input", async () => {
  const { layers } = await plan(new DecoderBuilder({}).graph());
  const [first] = layers;
  expect(first?.qkv).toMatchObject({ inner: 64, outer: 128 });
  expect(first?.gate).toMatchObject({ inner: 64, outer: 192 });
});
