import { openAsBlob } from "node:fs";
import { expect, test } from "vitest";
import {
  HIDDEN,
  EncoderBuilder,
  planOf,
} from "../../../testing/encoder-builder";
import { value } from "../../../testing/graph-builder";
import type { ModelConfig } from "../../../model-files/config";
import { readOnnx, type OnnxGraph } from "../../../onnx/onnx-reader";
import { planVision, type VisionPlan } from "./vision-plan";
import { UnsupportedGraph } from "../../backend";

async function written(plan: VisionPlan, size: number): Promise<OnnxGraph> {
  return readOnnx("ours.onnx", new Blob([plan.graph(size)]));
}

const operators = ({ nodes }: OnnxGraph) => nodes.map(({ op }) => op);

async function floatsOf(plan: VisionPlan): Promise<Record<string, number[]>> {
  const all: Record<string, number[]> = {};
  for (const weight of plan.weights) {
    const parts: Uint8Array[] = [];
    for await (const chunk of weight.chunks()) parts.push(chunk);
    const { buffer } = Uint8Array.from(Buffer.concat(parts));
    all[weight.name] = [...new Float32Array(buffer)];
  }
  return all;
}

test("all input sizes share the same weights", async () => {
  const encoder = new EncoderBuilder();
  const plan = await planOf(encoder.finish(encoder.pooled));
  const { weights, hidden, type } = plan;
  expect({ hidden, type }).toEqual({ hidden: HIDDEN, type: "float32" });
  for (const [size, tokens] of [
    [64, 1],
    [128, 4],
    [320, 25],
  ] as const) {
    const { inputs, outputs } = await written(plan, size);
    expect(inputs).toEqual([
      value("pixel_values", [1, 3, size, size]),
      ...weights.map(({ name, dims }) => value(name, dims)),
    ]);
    const shape = [1, tokens, HIDDEN];
    expect(outputs).toEqual([value("image_features", shape)]);
  }
});

test.each(["unfolded", "spelled", "half"])(
  "%s becomes the same operators as other exports",
  async (name) => {
    const at = new URL(`../../../testing/vision/${name}.onnx`, import.meta.url);
    const graph = await readOnnx(name, await openAsBlob(at));
    const sixteen = { hidden: 16, size: 256 } as ModelConfig;
    const plan = await planVision(graph, new Map(), sixteen);
    const ops = operators(await written(plan, 256));
    const count = (op: string) => ops.filter((each) => each === op).length;
    // 37 with the projector; in 4 bits it is not one.
    const linear = count("Conv") + count("MatMulNBits") + count("MatMul") - 6;
    expect(linear).toBe(38);
    expect(count("Gelu")).toBe(18);
    expect(count("MultiHeadAttention")).toBe(2);
    expect(count("LayerNormalization")).toBe(2);
    expect(count("Add")).toBe(name === "spelled" ? 7 : 8);
    expect(count("Mul")).toBe(1);
  },
);

test("a convolution absorbs the scale and the batch norm that follow it", async () => {
  const encoder = new EncoderBuilder();
  const conv = encoder.conv(encoder.pooled, "c", [3, 3, 1, 1]);
  const norm = encoder.op(
    "BatchNormalization",
    [
      conv,
      encoder.floats("gamma", [3], [2, 1, 1]),
      encoder.floats("beta", [3], [0, 5, 0]),
      encoder.floats("mean", [3], [0, 1, 0]),
      encoder.floats("variance", [3], [1, 4, 1]),
    ],
    { epsilon: { float: 0 } },
  );
  const scaled = encoder.op("Mul", [encoder.vector("scale", [1, 1, 3]), norm]);
  const blob = encoder.finish(scaled);
  const plan = await planOf(blob);
  expect(operators(await written(plan, 128))).not.toContain("Mul");
  const original = new EncoderBuilder();
  const first = original.conv(original.pooled, "c", [3, 3, 1, 1]);
  const before = Object.values(
    await floatsOf(await planOf(original.finish(first))),
  );
  const after = Object.values(await floatsOf(plan));
  const [w = [], b = []] = before;
  const scales = [2, 0.5, 3];
  const rows = w.map((n, i) => n * (scales[Math.floor(i / 3)] ?? 0));
  after[0]?.forEach((n, i) => {
    expect(n).toBeCloseTo(rows[i] ?? NaN, 6);
  });
  [2 * (b[0] ?? 0), 0.5 * ((b[1] ?? 0) - 1) + 5, 3 * (b[2] ?? 0)].forEach(
    (n, i) => {
      expect(after[1]?.[i]).toBeCloseTo(n, 6);
    },
  );
});

test("reads a bias that the graph expands, as PyTorch's exporter writes it", async () => {
  const encoder = new EncoderBuilder();
  const weight = encoder.random("weight", [3, 3, 1, 1], 1);
  const count = encoder.op("Shape", [weight], { start: 0, end: 1 });
  const bias = encoder.op("Expand", [
    encoder.floats("bias", [], [0.5]),
    encoder.op("Expand", [count, encoder.integers("one", [1], [1])]),
  ]);
  const map = encoder.op("Conv", [encoder.pooled, weight, bias]);
  const relu = encoder.op("Relu", [map]);
  const weights = await floatsOf(await planOf(encoder.finish(relu)));
  expect(Object.values(weights)).toContainEqual([0.5, 0.5, 0.5]);
});

test("sums of convolutions of one input become one convolution", async () => {
  const encoder = new EncoderBuilder();
  const wide = encoder.conv(encoder.pooled, "wide", [3, 1, 3, 3], 3);
  const thin = encoder.conv(encoder.pooled, "thin", [3, 1, 1, 1], 3);
  const both = encoder.op("Sub", [
    encoder.op("Add", [wide, thin]),
    encoder.pooled,
  ]);
  const plan = await planOf(encoder.finish(both));
  const ops = operators(await written(plan, 128));
  expect(ops.filter((op) => op === "Conv")).toHaveLength(1);
  expect(ops).not.toContain("Sub");
  const [kernel = [], bias = []] = Object.values(await floatsOf(plan));
  const parts = Object.fromEntries(
    await Promise.all(
      encoder.weights.map(async ({ name, data }) => {
        const floats = new Float32Array(await data.arrayBuffer());
        return [name, floats] as const;
      }),
    ),
  );
  kernel.forEach((n, i) => {
    const middle = (parts["thin.w"]?.[Math.floor(i / 9)] ?? NaN) - 1;
    const right = (parts["wide.w"]?.[i] ?? NaN) + (i % 9 === 4 ? middle : 0);
    expect(n).toBeCloseTo(right, 6);
  });
  bias.forEach((n, i) => {
    const right = (parts["wide.b"]?.[i] ?? 0) + (parts["thin.b"]?.[i] ?? 0);
    expect(n).toBeCloseTo(right, 6);
  });
});

test("a layer with two readers is not fused with one of them", async () => {
  const encoder = new EncoderBuilder();
  const conv = encoder.conv(encoder.pooled, "c", [3, 3, 1, 1]);
  const scaled = encoder.op("Mul", [conv, encoder.vector("scale", [1, 2, 3])]);
  const gate = encoder.op("Sigmoid", [scaled]);
  const plan = await planOf(encoder.finish(encoder.op("Mul", [conv, gate])));
  const ops = operators(await written(plan, 128));
  expect(ops.filter((op) => op === "Conv")).toHaveLength(1);
  expect(ops.filter((op) => op === "Mul")).toHaveLength(2);
});

test("reads image_features among other outputs, with or without a batch", async () => {
  const encoder = new EncoderBuilder();
  const map = encoder.conv(encoder.pooled, "end", [HIDDEN, 3, 1, 1]);
  const rows = encoder.integers("rows", [2], [HIDDEN, -1]);
  const flat = encoder.op("Reshape", [map, rows]);
  encoder.op("Transpose", [flat], { perm: [1, 0] }, "", ["image_features"]);
  encoder.op("Elu", [map], {}, "", ["elu"]);
  const blob = encoder.write(
    [value("in", [1, 3, "h", "w"])],
    [value("elu", []), value("image_features", ["t", HIDDEN])],
  );
  const { outputs, nodes } = await written(await planOf(blob), 128);
  expect(outputs).toEqual([value("image_features", [1, 4, HIDDEN])]);
  expect(nodes.map(({ op }) => op)).not.toContain("Elu");
});

test("reads the operators that ONNX Runtime fuses", async () => {
  const encoder = new EncoderBuilder();
  const weight = encoder.random("w", [3, 3, 1, 1], 1);
  const conv = encoder.op(
    "FusedConv",
    [encoder.pooled, weight, encoder.random("b", [3], 1)],
    { activation: "Relu" },
    "com.microsoft",
  );
  const flat = encoder.op("Reshape", [
    conv,
    encoder.integers("s", [3], [0, 3, -1]),
  ]);
  encoder.op(
    "FusedMatMul",
    [flat, encoder.random("m", [HIDDEN, 3], 1)],
    { transA: 1, transB: 1 },
    "com.microsoft",
    ["out"],
  );
  const blob = encoder.write(
    [value("in", [1, 3, "h", "w"])],
    [value("out", [1, "t", HIDDEN])],
  );
  const { outputs, nodes } = await written(await planOf(blob), 128);
  expect(outputs).toEqual([value("image_features", [1, 4, HIDDEN])]);
  expect(nodes.map(({ op }) => op)).toContain("Relu");
});

test("reads Attention of opset 23", async () => {
  const encoder = new EncoderBuilder();
  const sizes = encoder.integers("heads", [4], [0, 2, 2, -1]);
  const heads = (name: string): string => {
    const map = encoder.conv(encoder.pooled, name, [4, 3, 1, 1]);
    const split = encoder.op("Reshape", [map, sizes]);
    return encoder.op("Transpose", [split], { perm: [0, 1, 3, 2] });
  };
  const attended = encoder.op(
    "Attention",
    [heads("q"), heads("k"), heads("v")],
    { is_causal: 0, scale: { float: 0.25 } },
  );
  const tokens = encoder.op("Transpose", [attended], { perm: [0, 2, 1, 3] });
  const flat = encoder.integers("flat", [3], [0, -1, 4]);
  encoder.op("Reshape", [tokens, flat], {}, "", ["out"]);
  const blob = encoder.write(
    [value("in", [1, 3, "h", "w"])],
    [value("out", [1, "t", HIDDEN])],
  );
  const { nodes } = await written(await planOf(blob), 128);
  const attention = nodes.find(({ op }) => op === "MultiHeadAttention");
  expect(attention?.attributes.get("num_heads")).toBe(2);
  expect(attention?.floats.get("scale")).toBe(0.25);
});

const unsupported: readonly [
  string,
  (encoder: EncoderBuilder) => Blob,
  string,
][] = [
  [
    "an operator",
    (m) => m.finish(m.op("Elu", [m.pooled])),
    "Elu node “Elu 1”: the operator is not supported",
  ],
  [
    "an operator of an unknown domain",
    (m) => m.finish(m.op("Relu", [m.pooled], {}, "my.own")),
    "my.own.Relu node “Relu 1”: the operator is not supported",
  ],
  [
    "an unknown activation",
    (m) => m.finish(m.op("Tanh", [m.pooled])),
    "no known activation",
  ],
  [
    "dilations",
    (m) => {
      const kernel = m.random("w", [3, 3, 1, 1], 1);
      return m.finish(m.op("Conv", [m.pooled, kernel], { dilations: [2, 2] }));
    },
    "dilations",
  ],
  [
    "a constant for each pixel",
    (m) => m.finish(m.op("Add", [m.pooled, m.random("grid", [2, 2], 1)])),
    "varies from pixel to pixel",
  ],
  [
    "weights of another type",
    (m) => {
      const data = new Blob([new Int8Array(9)]);
      m.weights.push({ name: "w", type: "int8", dims: [3, 3, 1, 1], data });
      return m.finish(m.op("Conv", [m.pooled, "w"]));
    },
    "type int8",
  ],
  [
    "another number of tokens",
    (m) => m.finish(m.op("AveragePool", [m.pooled], { kernel_shape: [2, 2] })),
    "1 x 1 tokens, not one for each 64 x 64 pixels",
  ],
  [
    "another feature width",
    (m) => {
      const map = m.conv(m.pooled, "c", [2 * HIDDEN, 3, 1, 1]);
      const shape = m.integers("twice", [3], [0, 2 * HIDDEN, -1]);
      const flat = m.op("Reshape", [map, shape]);
      m.op("Transpose", [flat], { perm: [0, 2, 1] }, "", ["out"]);
      return m.write([value("in", [1, 3, 128, 128])], [value("out", [])]);
    },
    "have 8 channels, not 4",
  ],
  [
    "channels before tokens",
    (m) => {
      const map = m.conv(m.pooled, "c", [HIDDEN, 3, 1, 1]);
      m.op("Reshape", [map, m.integers("s", [3], [0, 4, -1])], {}, "", ["out"]);
      return m.write([value("in", [1, 3, 128, 128])], [value("out", [])]);
    },
    "[1,4,4] is not [1, tokens, channels]",
  ],
  [
    "a weight that depends on the image",
    (m) => m.finish(m.op("MatMul", [m.pooled, m.pooled])),
    "heads",
  ],
  [
    "a second input",
    (m) => {
      const blob = m.finish(m.pooled);
      expect(blob.size).toBeGreaterThan(0);
      return m.write([value("in", []), value("mask", [])], [value("out", [])]);
    },
    "the inputs in, mask and the outputs out",
  ],
];

test.each(unsupported)(
  "throws UnsupportedGraph for %s, with the reason",
  async (_, make, reason) => {
    const refusal = await planOf(make(new EncoderBuilder())).catch(
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(UnsupportedGraph);
    expect(String(refusal)).toContain(reason);
  },
);

test("throws for other input sizes if the graph has a fixed one", async () => {
  const encoder = new EncoderBuilder();
  const map = encoder.conv(encoder.pooled, "c", [HIDDEN, 3, 1, 1]);
  const flat = encoder.integers("fixed", [3], [1, HIDDEN, 4]);
  encoder.op("Transpose", [encoder.op("Reshape", [map, flat])], {
    perm: [0, 2, 1],
  });
  const end = encoder.nodes.at(-1);
  if (end !== undefined)
    encoder.nodes[encoder.nodes.length - 1] = { ...end, outputs: ["out"] };
  const blob = encoder.write(
    [value("in", [1, 3, 128, 128])],
    [value("out", [1, 4, HIDDEN])],
  );
  const plan = await planOf(blob);
  expect(() => plan.graph(128)).not.toThrow();
  expect(() => plan.graph(192)).toThrow("36 elements");
});

/** The image height as a scalar of the graph. */
function heightOf(encoder: EncoderBuilder): string {
  const shape = encoder.op("Shape", ["in"]);
  const [from, to] = [2, 3].map((at) =>
    encoder.integers(`at ${at}`, [1], [at]),
  );
  const height = encoder.op("Slice", [shape, from ?? "", to ?? ""]);
  return encoder.op("Cast", [height], { to: 1 });
}

test.each([
  ["a kernel", (m: EncoderBuilder, x: string) => m.op("Mul", [x, heightOf(m)])],
  ["a bias", (m: EncoderBuilder, x: string) => m.op("Add", [x, heightOf(m)])],
  [
    "each channel of a kernel",
    (m: EncoderBuilder, x: string) => {
      const each = m.vector("each", [1, -2, 3]);
      return m.op("Mul", [x, m.op("Div", [each, heightOf(m)])]);
    },
  ],
])("rejects an input size at which %s differs", async (_, scale) => {
  const encoder = new EncoderBuilder();
  const conv = encoder.conv(encoder.pooled, "c", [3, 3, 1, 1]);
  const plan = await planOf(encoder.finish(scale(encoder, conv)));
  expect(() => plan.graph(128)).not.toThrow();
  expect(() => plan.graph(192)).toThrow("differ from those for 128");
});
