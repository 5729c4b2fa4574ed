/**
 * Converts fp32 graphs as the scripts of transformers.js do for the published
 * files: MatMulNBitsQuantizer and quantize_dynamic of ONNX Runtime, and float16.py
 * with `keep_io_types`.
 */
import type { Dtype } from "../../../src/shared/models";
import type { ValueInfo } from "../../onnx/onnx-protos";
import type { NodeSpec } from "../../onnx/onnx-writer";
import { toHalf } from "../../util/float16";
import type { OnnxFile, Weight } from "../onnx-file";

const MS = "com.microsoft";
const [FLOAT, HALF] = [1, 10];
const BLOCK = 32;

export async function convert(
  graph: OnnxFile,
  dtype: Dtype,
): Promise<OnnxFile> {
  switch (dtype) {
    case "fp32":
      return graph;
    case "fp16":
      return inHalf(graph);
    case "q4":
      return inFourBits(graph);
    case "q4f16":
      return inHalf(await inFourBits(graph));
    case "q8": {
      const convolves = graph.nodes.some(({ op }) => op === "Conv");
      return inEightBits(graph, convolves ? "uint8" : "int8");
    }
    case "int8":
    case "uint8":
      return inEightBits(graph, dtype);
  }
}

/** Replaces the weights and nodes of a graph one by one. */
class Rewriter {
  readonly nodes: NodeSpec[] = [];
  readonly #graph: OnnxFile;
  readonly #weights: Map<string, Weight>;

  constructor(graph: OnnxFile) {
    this.#graph = graph;
    this.#weights = new Map(graph.weights.map((one) => [one.name, one]));
  }

  /** A weight of floats; undefined for other inputs of nodes. */
  async floats(
    name: string | undefined,
  ): Promise<{ dims: readonly number[]; values: Float32Array } | undefined> {
    const weight = this.#weights.get(name ?? "");
    if (weight?.type !== "float32") return undefined;
    const values = new Float32Array(await weight.data.arrayBuffer());
    return { dims: weight.dims, values };
  }

  add(
    name: string,
    type: string,
    dims: readonly number[],
    data: ArrayBufferView<ArrayBuffer>,
  ): string {
    this.#weights.set(name, { name, type, dims, data: new Blob([data]) });
    return name;
  }

  op(
    op: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes: NodeSpec["attributes"] = {},
    domain = "",
  ): void {
    this.nodes.push({ op, domain, inputs, outputs, attributes });
  }

  /** The graph without the weights that no node reads any more. */
  finish(): OnnxFile {
    const read = new Set(this.nodes.flatMap(({ inputs }) => inputs));
    const weights = [...this.#weights.values()];
    return {
      ...this.#graph,
      nodes: this.nodes,
      weights: weights.filter(({ name }) => read.has(name)),
    };
  }
}

/** Products by constant matrices in 4 bits: symmetric, in blocks of 32. A product
 * by a transposed weight is none, so it keeps its floats, like Gemm. */
async function inFourBits(graph: OnnxFile): Promise<OnnxFile> {
  const rewriter = new Rewriter(graph);
  for (const node of graph.nodes) {
    const [x = "", name = ""] = node.inputs;
    const weight = await rewriter.floats(name);
    if (node.op !== "MatMul" || weight === undefined) {
      rewriter.nodes.push(node);
      continue;
    }
    const [inner = 0, outer = 0] = weight.dims;
    const blocks = inner / BLOCK;
    const packed = new Uint8Array((outer * inner) / 2);
    const scales = new Float32Array(outer * blocks);
    const block = new Float32Array(BLOCK);
    for (let i = 0; i < scales.length; i++) {
      const [column, first] = [Math.floor(i / blocks), (i % blocks) * BLOCK];
      let largest = 0;
      for (let k = 0; k < BLOCK; k++) {
        const value = weight.values[(first + k) * outer + column] ?? 0;
        block[k] = value;
        if (Math.abs(value) > Math.abs(largest)) largest = value;
      }
      const scale = largest / -8;
      scales[i] = scale;
      block.forEach((value, k) => {
        const code = scale === 0 ? 8 : Math.round(value / scale) + 8;
        const at = (i * BLOCK + k) >> 1;
        const bits = Math.min(15, Math.max(0, code)) << (4 * (k % 2));
        packed[at] = (packed[at] ?? 0) | bits;
      });
    }
    const size = [outer, blocks, BLOCK / 2];
    rewriter.op(
      "MatMulNBits",
      [
        x,
        rewriter.add(`${name}_Q4`, "uint8", size, packed),
        rewriter.add(`${name}_scales`, "float32", [outer, blocks], scales),
      ],
      node.outputs,
      { K: inner, N: outer, bits: 4, block_size: BLOCK },
      MS,
    );
  }
  return rewriter.finish();
}

type Bytes = "int8" | "uint8";

/** Scale, zero point and codes of all values of a weight. */
function quantize(values: Float32Array, type: Bytes) {
  let [low, high] = [0, 0];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const signed = type === "int8";
  const largest = Math.max(-low, high);
  const scale = (signed ? (2 * largest) / 254 : (high - low) / 255) || 1;
  const zero = signed ? 0 : Math.round(-low / scale);
  const codes = new (signed ? Int8Array : Uint8ClampedArray)(values.length);
  values.forEach((value, i) => {
    codes[i] = Math.round(value / scale) + zero;
  });
  return { scale, zero, codes };
}

/** Convolutions, products by constant matrices and tables in 8 bits. */
async function inEightBits(graph: OnnxFile, type: Bytes): Promise<OnnxFile> {
  const rewriter = new Rewriter(graph);
  const activations = new Set<string>();
  const quantized = (
    name: string,
    { dims, values }: { dims: readonly number[]; values: Float32Array },
  ) => {
    const { scale, zero, codes } = quantize(values, type);
    const point = new (type === "int8" ? Int8Array : Uint8Array)([zero]);
    return [
      rewriter.add(`${name}_quantized`, type, dims, codes),
      rewriter.add(`${name}_scale`, "float32", [], new Float32Array([scale])),
      rewriter.add(`${name}_zero_point`, type, [], point),
    ] as const;
  };
  for (const node of graph.nodes) {
    const { op, attributes, outputs } = node;
    const [x = "", name = "", bias] = node.inputs;
    const table = op === "Gather" ? await rewriter.floats(x) : undefined;
    const weight = await rewriter.floats(name);
    const [output = ""] = outputs;
    if (table !== undefined) {
      const [codes, scale, zero] = quantized(x, table);
      rewriter.op("Gather", [codes, name], [`${output}_quantized`]);
      const inputs = [`${output}_quantized`, scale, zero];
      rewriter.op("DequantizeLinear", inputs, outputs);
    } else if ((op === "Conv" || op === "MatMul") && weight !== undefined) {
      const input = ["_quantized", "_scale", "_zero_point"].map(
        (suffix) => x + suffix,
      );
      const [bytes = "", scale = "", zero = ""] = input;
      if (!activations.has(x)) rewriter.op("DynamicQuantizeLinear", [x], input);
      activations.add(x);
      const [codes, by, point] = quantized(name, weight);
      const sum = `${output}_output_quantized`;
      const inputs = [bytes, codes, zero, point];
      rewriter.op(`${op}Integer`, inputs, [sum], attributes);
      rewriter.op("Cast", [sum], [`${sum}_cast`], { to: FLOAT });
      rewriter.op("Mul", [scale, by], [`${output}_scales`]);
      const plain = bias === undefined ? output : `${output}_without_bias`;
      rewriter.op("Mul", [`${sum}_cast`, `${output}_scales`], [plain]);
      if (bias === undefined) continue;
      const shape = BigInt64Array.of(1n, -1n, 1n, 1n);
      rewriter.add("bias_shape", "int64", [4], shape);
      rewriter.op("Reshape", [bias, "bias_shape"], [`${output}_bias`]);
      rewriter.op("Add", [plain, `${output}_bias`], [output]);
    } else {
      rewriter.nodes.push(node);
    }
  }
  return rewriter.finish();
}

/** Half precision between casts of the inputs and outputs. */
async function inHalf(graph: OnnxFile): Promise<OnnxFile> {
  const rewriter = new Rewriter(graph);
  for (const { name } of graph.weights) {
    const weight = await rewriter.floats(name);
    if (weight === undefined) continue;
    rewriter.add(name, "float16", weight.dims, toHalf(weight.values));
  }
  const floats = (values: readonly ValueInfo[]) =>
    values.filter(({ type }) => type === "float32").map(({ name }) => name);
  const inner = new Map<string, string>();
  for (const [i, name] of floats(graph.inputs).entries()) {
    inner.set(name, `graph_input_cast_${i}`);
    rewriter.op("Cast", [name], [`graph_input_cast_${i}`], { to: HALF });
  }
  for (const [i, name] of floats(graph.outputs).entries()) {
    inner.set(name, `graph_output_cast_${i}`);
  }
  const renamed = (names: readonly string[]) =>
    names.map((name) => inner.get(name) ?? name);
  for (const node of graph.nodes) {
    const casts = node.op === "Cast" && node.attributes["to"] === FLOAT;
    rewriter.nodes.push({
      ...node,
      inputs: renamed(node.inputs),
      outputs: renamed(node.outputs),
      ...(casts && { attributes: { to: HALF } }),
    });
  }
  for (const name of floats(graph.outputs)) {
    rewriter.op("Cast", [inner.get(name) ?? name], [name], { to: FLOAT });
  }
  return rewriter.finish();
}
