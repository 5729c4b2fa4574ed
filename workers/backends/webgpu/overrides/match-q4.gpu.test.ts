import { afterAll, beforeAll, expect, test } from "vitest";
import { randomQ4Weights } from "../../../kernels/testing/q4-weights";
import { noise } from "../../../kernels/testing/random";
import { OnnxGraphBuilder } from "../../../onnx/graph-builder";
import type { Gpu } from "../../../ort/device";
import { recordGraph, type GpuTensor } from "../../../ort/record-graph";
import { bufferOf, testGpu } from "../../../testing/on-gpu";
import { findOperations } from "./find-operations";
import { readProgram } from "./ort-shader";
import { tryOperation } from "./trial";

let gpu: Gpu;

beforeAll(async () => {
  gpu = await testGpu();
});

afterAll(() => {
  gpu.close();
});

type Tensors = Record<string, GpuTensor>;

const floats = (seed: number, ...dims: number[]): GpuTensor => {
  const count = dims.reduce((product, size) => product * size, 1);
  return { buffer: bufferOf(gpu, noise(count, seed)), type: "float32", dims };
};

const bytes = (data: Uint8Array<ArrayBuffer>, ...dims: number[]): GpuTensor => {
  const words = new Int32Array(Math.ceil(data.length / 4));
  new Uint8Array(words.buffer).set(data);
  return { buffer: bufferOf(gpu, words), type: "uint8", dims };
};

interface Layer {
  readonly inner: number;
  readonly columns: number;
  readonly blockSize: number;
}

/** The weights of a MatMulNBits as inputs of a graph. */
function weights(name: string, layer: Layer, seed: number): Tensors {
  const { inner, columns, blockSize } = layer;
  const blocks = Math.ceil(inner / blockSize);
  const { packed, scales, zeros } = randomQ4Weights(layer, seed);
  const scaled = bufferOf(gpu, scales);
  return {
    [name]: bytes(packed, columns, blocks, blockSize / 2),
    [`${name} scales`]: {
      ...{ buffer: scaled, type: "float32", dims: [columns, blocks] },
    },
    [`${name} zeros`]: bytes(zeros, columns, Math.ceil(blocks / 2)),
  };
}

const attributes = ({ inner, columns, blockSize }: Layer) => {
  return { K: inner, N: columns, bits: 4, block_size: blockSize };
};

/** Expects one operation in the graph, and a kernel of ours that computes it like
 * ORT. Destroys the tensors. */
async function expectOperation(
  graph: OnnxGraphBuilder,
  inputs: Tensors,
  outputs: Tensors,
  name: string,
): Promise<void> {
  const described = (tensors: Tensors) =>
    Object.entries(tensors).map(([name, { type, dims }]) => {
      return { name, type, shape: dims };
    });
  const model = graph.write(described(inputs), described(outputs));
  const recorded = await recordGraph(model, inputs, outputs, gpu);
  const steps = recorded.commands.map((command) => {
    return { command, program: readProgram(command) };
  });
  const matches = findOperations(steps, new Set());
  expect(matches.map(({ operation }) => operation.name)).toEqual([name]);
  for (const { first, count, operation } of matches) {
    const commands = recorded.commands.slice(first, first + count);
    const { fault } = await tryOperation(gpu.device, operation, commands);
    expect(fault).toBeUndefined();
  }
  await recorded.release();
  for (const { buffer } of Object.values({ ...inputs, ...outputs })) {
    buffer.destroy();
  }
}

for (const [rows, blockSize, zeros, bias] of [
  [1, 32, false, true],
  [1, 16, true, false],
  [2, 128, true, true],
  [9, 32, true, true],
  [9, 64, false, false],
] as const) {
  const layer = { inner: 160, columns: 68, blockSize };
  const extras = [...(zeros ? ["zeros"] : []), ...(bias ? ["bias"] : [])];
  const name = [`${rows} x 160 x 68 q4 in ${blockSize}`, ...extras].join(" ");
  test(`matches a product ${name}`, async () => {
    const graph = new OnnxGraphBuilder();
    const names = [
      ...["x", "w", "w scales", zeros ? "w zeros" : undefined],
      ...[undefined, bias ? "bias" : undefined],
    ];
    graph.contribOp("MatMulNBits", names, attributes(layer));
    graph.nameLastOutput("y");
    const all: Tensors = {
      x: floats(1, 1, rows, layer.inner),
      ...weights("w", layer, 2),
      bias: floats(3, layer.columns),
    };
    const used = Object.entries(all).filter(([each]) => names.includes(each));
    const outputs = { y: floats(4, 1, rows, layer.columns) };
    const inputs = Object.fromEntries(used);
    await expectOperation(graph, inputs, outputs, `${name} float32`);
  });
}

test("matches the gated layer of one row", async () => {
  const layer = { inner: 160, columns: 68, blockSize: 32 };
  const graph = new OnnxGraphBuilder();
  const [z, sum] = ["z", "sum"];
  graph.add(
    "SkipSimplifiedLayerNormalization",
    "com.microsoft",
    ["x", "skip", "gamma"],
    { epsilon: { float: 1e-6 } },
    [z, "", "", sum],
  );
  const product = (w: string): string =>
    graph.contribOp("MatMulNBits", [z, w, `${w} scales`], attributes(layer));
  const gate = product("gate");
  const silu = graph.contribOp("QuickGelu", [gate], { alpha: { float: 1 } });
  graph.op("Mul", [silu, product("up")]);
  graph.nameLastOutput("y");
  const all: Tensors = {
    x: floats(1, 1, 1, layer.inner),
    skip: floats(2, 1, 1, layer.inner),
    gamma: floats(3, layer.inner),
    ...weights("gate", layer, 4),
    ...weights("up", layer, 6),
  };
  const used = Object.entries(all).filter(([each]) => !each.endsWith("zeros"));
  const outputs = {
    y: floats(8, 1, 1, layer.columns),
    sum: floats(9, 1, 1, layer.inner),
  };
  const inputs = Object.fromEntries(used);
  const name = "gated 1 x 160 x 68 q4 in 32 float32";
  await expectOperation(graph, inputs, outputs, name);
});
