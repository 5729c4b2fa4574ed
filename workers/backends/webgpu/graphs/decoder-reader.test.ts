import { expect, test } from "vitest";
import { withFloat16 } from "../../../testing/graph-builder";
import {
  DecoderBuilder,
  decoderConfig,
  type DecoderVariant,
} from "../../../testing/decoder-builder";
import type { ModelConfig } from "../../../model-files/config";
import { readOnnx } from "../../../onnx/onnx-reader";
import type { OnnxNode } from "../../../onnx/onnx-protos";
import { readDecoder } from "./decoder-reader";
import { planDecoder, type DecoderPlan } from "./decoder-plan";
import type { AttributeValue, NodeSpec } from "../../../onnx/onnx-writer";
import { UnsupportedGraph } from "../../backend";

async function plan(
  decoder: DecoderBuilder,
  config: Partial<ModelConfig> = {},
): Promise<DecoderPlan> {
  const graph = await readOnnx("test.onnx", decoder.file());
  return planDecoder(graph, new Map(), { ...decoderConfig, ...config });
}

type Change = (decoder: DecoderBuilder) => unknown;

/** Changes properties of the `nth` node with the operator `op`. */
function edit(
  op: string,
  change: (node: NodeSpec) => Partial<NodeSpec>,
  nth = 0,
) {
  return ({ nodes }: DecoderBuilder): void => {
    const node = nodes.filter((one) => one.op === op)[nth];
    if (node === undefined) throw new Error(`no ${op}`);
    nodes[nodes.indexOf(node)] = { ...node, ...change(node) };
  };
}

function setInput(op: string, at: number, name: string, nth = 0): Change {
  const filled = ({ inputs }: NodeSpec) =>
    Array.from({ length: Math.max(at + 1, inputs.length) }, (_, i) =>
      i === at ? name : (inputs[i] ?? ""),
    );
  return edit(op, (node) => ({ inputs: filled(node) }), nth);
}

function set(op: string, name: string, value: AttributeValue): Change {
  return edit(op, ({ attributes }) => {
    return { attributes: { ...attributes, [name]: value } };
  });
}

const addBias: Change = (decoder) => {
  const [gemm] = decoder.nodes.filter(({ op }) => op === "Gemm");
  const inputs = [gemm?.outputs[0] ?? "", "0.q.bias"];
  const sum = { op: "Add", domain: "", attributes: {}, inputs, outputs: ["b"] };
  decoder.nodes.push(sum);
  setInput("RotaryEmbedding", 0, "b")(decoder);
};

const GQA = "GroupQueryAttention";
const SKIP = "SkipSimplifiedLayerNormalization";
const NORM = "SimplifiedLayerNormalization";
const ROTARY = "RotaryEmbedding";
const as = (op: string) => () => ({ op });
const quantized = { products: "quantized" } as const;
const none: Change = () => undefined;

type UnsupportedCase = readonly [
  why: string,
  change: Change,
  variant?: Partial<DecoderVariant>,
  config?: Partial<ModelConfig>,
];

/** Changes that make a decoder unsupported, with part of the error message. */
const unsupported: readonly UnsupportedCase[] = [
  ["computed by Tanh", edit("Mul", as("Tanh"), 1)],
  ["SiLU", edit("Sigmoid", as("Tanh"))],
  ["SiLU", set("QuickGelu", "alpha", { float: 1.702 }), { gate: "quick" }],
  ["MultiHeadAttention", edit(GQA, as("MultiHeadAttention"))],
  ["LayerNormalization", edit(NORM, as("LayerNormalization"))],
  ["axis 1", set(NORM, "axis", 1)],
  ["has a bias", setInput(SKIP, 3, "last.gamma")],
  ["begins at", setInput(SKIP, 0, "inputs_embeds", 1)],
  ["different inputs", setInput("MatMul", 0, "inputs_embeds", 1)],
  ["different inputs", setInput("MatMul", 0, "inputs_embeds", 5)],
  ["keep its keys in", setInput(GQA, 3, "past_key_values.1.key")],
  ["keep its values in", setInput(GQA, 4, "past_key_values.0.key")],
  ["more than attention_mask", setInput(GQA, 5, "past_key_values.0.key")],
  ["more than attention_mask", setInput(GQA, 6, "inputs_embeds")],
  ["more than attention_mask", setInput(ROTARY, 1, "inputs_embeds")],
  ["the inputs 0.k.bias", setInput(GQA, 11, "0.k.bias")],
  ["causal 0", set(GQA, "causal", 0)],
  ["softcap 30", set(GQA, "softcap", { float: 30 })],
  ["64 positions", set(GQA, "local_window_size", 64)],
  ["8 and 2 heads", set(GQA, "num_heads", 8)],
  ["different rotary embeddings", set(ROTARY, "interleaved", 1)],
  ["no rotary embedding", edit(ROTARY, as("Identity"))],
  ["scale or packed batching", set(ROTARY, "scale", { float: 2 })],
  [
    "rotates 8 features where its tables have 16",
    set(ROTARY, "rotary_embedding_dim", 8),
  ],
  [
    "not stored in the file",
    setInput(GQA, 7, "inputs_embeds"),
    { rotary: "inside" },
  ],
  ["two biases", addBias, { products: "gemm", bias: "inside" }],
  [
    "alpha, beta or transA",
    set("Gemm", "alpha", { float: 2 }),
    { products: "gemm" },
  ],
  ["not a matrix", setInput("MatMul", 1, "0.n1.gamma")],
  ["is reordered", setInput("MatMulNBits", 4, "one"), quantized],
  ["3 bits", set("MatMulNBits", "bits", 3), quantized],
  [
    "does not unpack blocks of the rows",
    set("DequantizeLinear", "block_size", 16),
    { products: "dequantized" },
  ],
  ["are not packed in 4 bits", setInput("MatMulNBits", 3, "cos"), quantized],
  ["blocks of 16", set("MatMulNBits", "block_size", 16), quantized],
  ["float16, not float32", (decoder) => withFloat16(decoder, /^(?!0.o$)/)],
  ["[64], not [32]", none, {}, { hidden: 32 }],
  ["4 and 2 heads", none, {}, { heads: 8, kvHeads: 4 }],
  ["layer 2 does not keep", none, {}, { layers: 3 }],
  ["layer 0 does not keep", none, {}, { layers: 1 }],
  ["128 of 129 positions", none, {}, { contextLength: 129 }],
  ["rotates 0 features where its tables have 16", none, {}, { headDim: 32 }],
];

for (const [why, change, variant = {}, config = {}] of unsupported) {
  test(`throws UnsupportedGraph: ${why}`, async () => {
    const decoder = new DecoderBuilder(variant);
    await expect(plan(decoder)).resolves.toBeDefined();
    change(decoder);
    await expect(plan(decoder, config)).rejects.toEqual(
      expect.objectContaining({
        constructor: UnsupportedGraph,
        message: expect.stringContaining(why) as string,
      }),
    );
  });
}

test("takes causal 1, which ONNX Runtime writes, for the ordinary mask", async () => {
  const decoder = new DecoderBuilder({});
  set(GQA, "causal", 1)(decoder);
  await expect(plan(decoder)).resolves.toBeDefined();
});

test("uses ONNX Runtime's epsilon for a norm without one", async () => {
  const decoder = new DecoderBuilder({});
  edit(SKIP, () => ({ attributes: {} }))(decoder);
  edit(NORM, () => ({ attributes: {} }))(decoder);
  const graph = await readOnnx("test.onnx", decoder.file());
  const { layers } = await readDecoder(graph, new Map(), decoderConfig);
  expect(layers[0]?.attentionNorm.epsilon).toBe(1e-5);
  expect(layers[0]?.mlpNorm.epsilon).toBe(1e-12);
  expect(layers[1]?.mlpNorm.epsilon).toBeCloseTo(1e-5, 9);
});

test.each(["last", "asked"] as const)(
  "reads a head of %s rows",
  async (rows) => {
    await expect(plan(new DecoderBuilder({ rows }))).resolves.toMatchObject({
      vocabulary: 50,
    });
  },
);

test("throws nothing but UnsupportedGraph for any change of one node", async () => {
  const changes: ((node: OnnxNode) => OnnxNode | undefined)[] = [
    () => undefined,
    (node) => ({ ...node, inputs: [...node.inputs].reverse() }),
    (node) => ({ ...node, inputs: node.inputs.with(0, "inputs_embeds") }),
    (node) => ({ ...node, inputs: node.inputs.with(0, node.outputs[0] ?? "") }),
    (node) => ({ ...node, inputs: [] }),
    (node) => ({ ...node, attributes: new Map(), floats: new Map() }),
    (node) => ({ ...node, op: "Identity" }),
  ];
  let rejected = 0;
  for (const variant of [{ norm: "decomposed" }, quantized] as const) {
    const file = new DecoderBuilder(variant).file();
    const graph = await readOnnx("test.onnx", file);
    for (const [i, node] of graph.nodes.entries()) {
      for (const change of changes) {
        const changed = [change(node)].filter((one) => one !== undefined);
        const nodes = graph.nodes.toSpliced(i, 1, ...changed);
        const error: unknown = await planDecoder(
          { ...graph, nodes },
          new Map(),
          decoderConfig,
        ).catch((reason: unknown) => reason);
        // Some changes keep the graph valid, such as swapped operands of a sum.
        if (!(error instanceof Error)) continue;
        expect(error).toBeInstanceOf(UnsupportedGraph);
        rejected += 1;
      }
    }
  }
  expect(rejected).toBeGreaterThan(300);
});
