import { expect, test } from "vitest";
import { DecoderBuilder } from "../testing/decoder-builder";
import { GraphBuilder } from "../testing/graph-builder";
import { bytesOf } from "../util/read-blob";
import { keepLastRow } from "./last-row";
import { readOnnx, type OnnxGraph } from "./onnx-reader";

const MS = "com.microsoft";
const [HIDDEN, WORDS] = [64, 50];

const read = (bytes: BlobPart): Promise<OnnxGraph> =>
  readOnnx("d.onnx", new Blob([bytes]));

test.each([
  { products: "matmul" },
  { products: "transposed" },
  { products: "dequantized" },
  { products: "gemm" },
  { products: "quantized", wrapped: true },
  { rows: "asked" },
] as const)("selects the last row before the head of %j", async (variant) => {
  const bytes = await bytesOf(new DecoderBuilder(variant).file());
  const before = await read(bytes);
  const after = await read(keepLastRow(bytes));
  expect(after.nodes).toHaveLength(before.nodes.length + 1);
  const at = after.nodes.findLastIndex(({ op }) => op === "Slice");
  const [slice, head, ...rest] = after.nodes.slice(at);
  expect(head?.inputs[0]).toBe(slice?.outputs[0]);
  const original = before.nodes.find(({ outputs }) => {
    return outputs[0] === head?.outputs[0];
  });
  expect(head?.op).toBe(original?.op);
  expect(slice?.inputs[0]).toBe(original?.inputs[0]);
  expect(head?.inputs.slice(1)).toEqual(original?.inputs.slice(1));
  const given = slice?.inputs.slice(1).map((name) => {
    return after.initializers.get(name)?.dims;
  });
  expect(given).toEqual([[1], [1], [1]]);
  const reshapes = rest.filter(({ op }) => op === "Reshape");
  const isGemm = "products" in variant && variant.products === "gemm";
  expect(reshapes).toHaveLength(isGemm ? 1 : 0);
  expect(after.outputs).toEqual([
    { name: "logits", type: "float32", shape: ["batch_size", 1, WORDS] },
    ...before.outputs.slice(1),
  ]);
  expect(after.inputs).toEqual(before.inputs);
});

/** hidden [1, n, 64] → `write` → logits. */
async function headOf(
  write: (graph: GraphBuilder, x: string) => string,
  shape: readonly (number | string)[] | undefined = [1, "n", WORDS],
): Promise<Uint8Array<ArrayBuffer>> {
  const graph = new GraphBuilder();
  const x = graph.op("Relu", ["hidden"]);
  graph.op("Identity", [write(graph, x)], {}, "", ["logits"]);
  const type = "float32";
  const file = graph.write(
    [{ name: "hidden", type, shape: [1, "n", HIDDEN] }],
    [{ name: "logits", type, shape }],
  );
  return bytesOf(file);
}

const weightOf = (graph: GraphBuilder): string =>
  graph.random("weight", [HIDDEN, WORDS], 1);

const dynamic = (graph: GraphBuilder, x: string): [string, string, string] => {
  const outputs = ["quantized", "scale", "zero"] as const;
  graph.op("DynamicQuantizeLinear", [x], {}, "", outputs);
  return [...outputs];
};

const heads: Readonly<
  Record<string, (graph: GraphBuilder, x: string) => string>
> = {
  "a bias, a scale and a cast": (graph, x) => {
    const y = graph.op("MatMul", [x, weightOf(graph)]);
    const biased = graph.op("Add", [graph.random("b", [WORDS], 1), y]);
    const scaled = graph.op("Div", [biased, graph.random("by", [], 1)]);
    return graph.op("Cast", [scaled], { to: 1 });
  },
  "a weight that is cast and transposed": (graph, x) => {
    const half = graph.halves("half", [WORDS, HIDDEN]);
    const turned = graph.op("Transpose", [half], { perm: [1, 0] });
    return graph.op("MatMul", [x, graph.op("Cast", [turned], { to: 1 })]);
  },
  "a Gemm with a bias whose shape depends on the prompt": (graph, x) => {
    const flat = graph.integers("flat", [2], [-1, HIDDEN]);
    const rows = graph.op("Reshape", [x, flat]);
    const bias = graph.random("b", [WORDS], 1);
    const y = graph.op("Gemm", [rows, weightOf(graph), bias]);
    const two = graph.integers("two", [1], [2]);
    const [zero, words] = [
      graph.integers("zero", [1], [0]),
      graph.integers("words", [1], [WORDS]),
    ];
    const sizes = graph.op("Shape", ["hidden"]);
    const start = graph.op("Slice", [sizes, zero, two]);
    const back = graph.op("Concat", [start, words], { axis: 0 });
    return graph.op("Reshape", [y, back]);
  },
  "a scaled logit": (graph, x) => {
    const y = graph.op("FusedMatMul", [x, weightOf(graph)], {}, MS);
    return graph.op("Mul", [graph.random("cap", [], 1), graph.op("Tanh", [y])]);
  },
  "activations of 8 bits": (graph, x) => {
    const [quantized, scale, zero] = dynamic(graph, x);
    const weight = graph.bytes("weight", [HIDDEN, WORDS]);
    const inputs = [quantized, weight, zero];
    const sum = graph.op("MatMulInteger", inputs);
    const both = graph.op("Mul", [scale, graph.random("s", [1], 1)]);
    return graph.op("Mul", [both, graph.op("Cast", [sum], { to: 1 })]);
  },
  "activations of 8 bits in one operator": (graph, x) => {
    const [quantized, scale, zero] = dynamic(graph, x);
    const weight = graph.bytes("weight", [HIDDEN, WORDS]);
    const inputs = [quantized, weight, scale, graph.random("s", [1], 1), zero];
    return graph.op("MatMulIntegerToFloat", inputs, {}, MS);
  },
  "an adapter beside the product": (graph, x) => {
    const a = graph.op("MatMul", [x, graph.random("a", [HIDDEN, 4], 1)]);
    const low = graph.op("MatMul", [a, graph.random("b", [4, WORDS], 1)]);
    return graph.op("Add", [graph.op("MatMul", [x, weightOf(graph)]), low]);
  },
  "a product in two parts": (graph, x) => {
    const parts = [20, WORDS - 20].map((count, i) =>
      graph.op("MatMul", [x, graph.random(`${i}`, [HIDDEN, count], 1)]),
    );
    return graph.op("Concat", parts, { axis: -1 });
  },
};

test.each(Object.keys(heads))("handles %s", async (name) => {
  const bytes = await headOf(heads[name] ?? String);
  const { nodes, outputs } = await read(keepLastRow(bytes));
  expect(outputs[0]?.shape).toEqual([1, 1, WORDS]);
  const slices = nodes.filter(({ outputs: [output = ""] }) =>
    output.endsWith("last row"),
  );
  expect(slices.length).toBeGreaterThan(0);
  for (const { inputs, outputs } of slices) {
    const before = nodes.findIndex((one) => one.outputs[0] === inputs[0]);
    const at = nodes.findIndex((one) => one.outputs[0] === outputs[0]);
    const after = nodes.findIndex((one) => one.inputs[0] === outputs[0]);
    expect(before).toBeLessThan(at);
    expect(at).toBeLessThan(after);
  }
  // Every way from the hidden states to the logits is through a slice.
  const fed = new Set(["hidden"]);
  for (const { op, inputs, outputs } of nodes) {
    const isScale = op === "DynamicQuantizeLinear" || op === "Shape";
    const kept = isScale ? outputs.slice(0, 1) : outputs;
    if (op === "Shape" || slices.some((one) => one.outputs[0] === outputs[0]))
      continue;
    if (inputs.some((input) => fed.has(input)))
      for (const output of kept) fed.add(output);
  }
  expect([...fed]).not.toContain("logits");
});

test.each<[string, Parameters<typeof headOf>]>([
  ["no product", [(_, x) => x]],
  [
    "a product of two computed values",
    [(graph, x) => graph.op("MatMul", [x, graph.op("Exp", [x])])],
  ],
  [
    "an operator across rows",
    [
      (graph, x) =>
        graph.op("Softmax", [graph.op("MatMul", [x, weightOf(graph)])]),
    ],
  ],
  [
    "another value of all rows",
    [
      (graph, x) => {
        const y = graph.op("MatMul", [x, weightOf(graph)]);
        const mean = graph.op("ReduceMean", [x], { keepdims: 1 });
        return graph.op("Add", [y, mean]);
      },
    ],
  ],
  [
    "a transposed first factor",
    [
      (graph, x) => {
        const turned = graph.op("Transpose", [x], { perm: [2, 0, 1] });
        const flat = graph.op("Squeeze", [turned]);
        return graph.op("Gemm", [flat, weightOf(graph)], { transA: 1 });
      },
    ],
  ],
  [
    "logits without a batch",
    [(graph, x) => graph.op("MatMul", [x, weightOf(graph)]), ["n", WORDS]],
  ],
])("leaves a graph alone that has %s", async (_, [write, shape]) => {
  const bytes = await headOf(write, shape);
  expect(keepLastRow(bytes)).toBe(bytes);
});
