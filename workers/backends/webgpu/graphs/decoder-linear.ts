import type { OnnxNode } from "../../../onnx/onnx-protos";
import { elementCount, type StoredTensor, type Dataflow } from "./dataflow";
import { UnsupportedGraph } from "../../backend";
import { readDequantized, type QuantizedLinear } from "./decoder-qdq";

/** x W + b with a dense weight. */
export interface DenseLinear {
  readonly kind: "dense";
  /** [inner, outer], or [outer, inner] if `transposed`. */
  readonly weight: StoredTensor;
  readonly transposed: boolean;
  readonly inner: number;
  readonly outer: number;
  readonly bias?: StoredTensor;
}

/** Dynamically quantized x times (w - zero point) · scale, added as integers, and a
 * bias. */
export interface IntegerLinear {
  readonly kind: "integer";
  /** int8 or uint8, [inner, outer]. */
  readonly weight: StoredTensor;
  /** One for all columns, or one for each; so are the zero points. */
  readonly scales: StoredTensor;
  readonly zeros?: StoredTensor;
  readonly inner: number;
  readonly outer: number;
  readonly bias?: StoredTensor;
}

export type LinearLayer = DenseLinear | QuantizedLinear | IntegerLinear;

const MATMUL_OPS = [
  "MatMul",
  "Gemm",
  "MatMulNBits",
  "MatMulIntegerToFloat",
  "DynamicQuantizeMatMul",
];

/** Whether `value` is a matrix product, optionally with a bias. */
export function isLinear(flow: Dataflow, value: string): boolean {
  const node = flow.producer(value);
  if (node === undefined) return false;
  if (MATMUL_OPS.includes(node.op)) return true;
  if (matchScaledIntegers(flow, node) !== undefined) return true;
  return matchBiasAdd(flow, node) !== undefined;
}

/** The linear layer that computes `value`, and its input. */
export function readLinear(
  flow: Dataflow,
  value: string,
): { readonly input: string; readonly linear: LinearLayer } {
  const node = flow.producer(value);
  if (node === undefined)
    throw new UnsupportedGraph(
      `${value} is a graph input or a weight, not the output of a linear layer`,
    );
  const sum = matchBiasAdd(flow, node);
  const { input, linear } = readProduct(flow, sum?.product ?? node, value);
  if (sum !== undefined && linear.bias !== undefined) {
    throw new UnsupportedGraph(`linear layer ${value} adds two biases`);
  }
  const bias = sum?.bias ?? linear.bias;
  if (bias === undefined) return { input, linear };
  if (elementCount(bias) !== linear.outer)
    throw new UnsupportedGraph(
      `bias ${bias.name} has ${elementCount(bias)} elements, not ${linear.outer}`,
    );
  return { input, linear: { ...linear, bias } };
}

/** Matches Add(product, bias) in either order. */
function matchBiasAdd(flow: Dataflow, { op, inputs }: OnnxNode) {
  if (op !== "Add") return undefined;
  for (const [other, name] of [inputs, [...inputs].reverse()]) {
    const bias = flow.storedTensor(name);
    const product = flow.producer(other);
    if (bias === undefined || product === undefined) continue;
    const isProduct =
      MATMUL_OPS.includes(product.op) ||
      matchScaledIntegers(flow, product) !== undefined;
    if (isProduct) return { product, bias };
  }
  return undefined;
}

function readProduct(flow: Dataflow, node: OnnxNode, value: string) {
  const integers = matchScaledIntegers(flow, node) ?? fusedOperands(flow, node);
  if (integers !== undefined) return readIntegers(flow, integers);
  switch (node.op) {
    case "MatMul":
      return readMatMul(flow, node);
    case "Gemm":
      return readGemm(flow, node);
    case "MatMulNBits":
      return readQuantized(flow, node);
    default:
      throw new UnsupportedGraph(
        `${value} is computed by ${node.op}, not by MatMul, Gemm or MatMulNBits`,
      );
  }
}

function readMatMul(flow: Dataflow, { inputs }: OnnxNode) {
  const [input = "", name = ""] = inputs;
  const turned = flow.producer(name);
  if (turned?.op === "DequantizeLinear") {
    return { input, linear: readDequantized(flow, turned) };
  }
  const isTurned =
    turned?.op === "Transpose" && turned.lists.get("perm")?.join() === "1,0";
  const weight = flow.storedTensor(isTurned ? turned.inputs[0] : name);
  return { input, linear: dense(weight, isTurned, name) };
}

function readGemm(flow: Dataflow, node: OnnxNode) {
  const { attributes, floats, inputs } = node;
  const [input = "", name = "", c = ""] = inputs;
  const scaled = [floats.get("alpha") ?? 1, floats.get("beta") ?? 1];
  if (scaled.some((by) => by !== 1) || (attributes.get("transA") ?? 0) !== 0) {
    throw new UnsupportedGraph(
      `Gemm with weight ${name} has alpha, beta or transA, which are not supported`,
    );
  }
  const transposed = attributes.get("transB") === 1;
  const linear = dense(flow.storedTensor(name), transposed, name);
  if (c === "") return { input, linear };
  const bias = flow.storedTensor(c);
  if (bias === undefined)
    throw new UnsupportedGraph(`bias ${c} is not a weight of the file`);
  return { input, linear: { ...linear, bias } };
}

function dense(
  weight: StoredTensor | undefined,
  transposed: boolean,
  name: string,
): DenseLinear {
  const [rows = 0, columns = 0, ...more] = weight?.dims ?? [];
  if (weight === undefined || rows * columns === 0 || more.length > 0) {
    throw new UnsupportedGraph(
      `weight ${name} is not a matrix stored in the file`,
    );
  }
  const [inner, outer] = transposed ? [columns, rows] : [rows, columns];
  return { kind: "dense", weight, transposed, inner, outer };
}

/** Bit widths of ONNX Runtime's MatMulNBits on WebGPU. */
const SUPPORTED_BITS = [2, 4, 8];

function readQuantized(flow: Dataflow, { attributes, inputs }: OnnxNode) {
  const [input = "", name = "", scales, zeros = "", order = "", b = ""] =
    inputs;
  const number = (key: string, otherwise = 0) =>
    attributes.get(key) ?? otherwise;
  const [inner, outer] = [number("K"), number("N")];
  const [bits, blockSize] = [number("bits", 4), number("block_size")];
  const weight = flow.storedTensor(name);
  const scale = flow.storedTensor(scales);
  if (weight === undefined || scale === undefined) {
    throw new UnsupportedGraph(
      `MatMulNBits weight ${name} or its scales are not stored in the file`,
    );
  }
  if (order !== "" || number("weight_prepacked") !== 0) {
    throw new UnsupportedGraph(
      `MatMulNBits weight ${name} is reordered (g_idx or weight_prepacked)`,
    );
  }
  const count = Math.ceil(inner / blockSize);
  const bytes = (outer * count * blockSize * bits) / 8;
  const known = SUPPORTED_BITS.includes(bits) && weight.type === "uint8";
  if (
    !known ||
    elementCount(weight) !== bytes ||
    elementCount(scale) !== outer * count
  ) {
    throw new UnsupportedGraph(
      `MatMulNBits weight ${name} does not match ${bits} bits in blocks of ${blockSize}`,
    );
  }
  const zero = zeros === "" ? undefined : flow.storedTensor(zeros);
  const zeroBytes = outer * Math.ceil((count * bits) / 8);
  const zeroFits = zero?.type === "uint8" && elementCount(zero) === zeroBytes;
  if (zeros !== "" && !zeroFits) {
    throw new UnsupportedGraph(
      `zero points ${zeros} are not packed in ${bits} bits`,
    );
  }
  const bias = b === "" ? undefined : flow.storedTensor(b);
  if (b !== "" && bias === undefined)
    throw new UnsupportedGraph(`bias ${b} is not a weight of the file`);
  const linear: QuantizedLinear = {
    kind: "quantized",
    ...{ weight, scales: scale, inner, outer, bits, blockSize },
    accuracy: number("accuracy_level"),
    ...(zero && { zeros: zero }),
    ...(bias && { bias }),
  };
  return { input, linear };
}

/** Names of the operands of a product of integers. */
interface IntegerOperands {
  readonly input: string;
  readonly weight: string;
  readonly scales: string;
  readonly zeros: string;
  readonly bias: string;
}

/** Matches float(MatMulInteger(quantized x, w)) · (scale of x · scale of w). */
function matchScaledIntegers(
  flow: Dataflow,
  { op, inputs }: OnnxNode,
): IntegerOperands | undefined {
  if (op !== "Mul") return undefined;
  for (const [sums, factors] of [inputs, [...inputs].reverse()]) {
    const product = flow.producer(sums);
    const factor = flow.producer(factors);
    if (product?.op !== "MatMulInteger" || factor?.op !== "Mul") continue;
    const [x = "", weight = "", point = "", zeros = ""] = product.inputs;
    for (const [scale, scales = ""] of [
      factor.inputs,
      [...factor.inputs].reverse(),
    ]) {
      const input = quantizedInput(flow, x, scale, point);
      if (input !== undefined)
        return { input, weight, scales, zeros, bias: "" };
    }
  }
  return undefined;
}

/** The same in one node, as ONNX Runtime's optimizer writes it. */
function fusedOperands(
  flow: Dataflow,
  { op, inputs }: OnnxNode,
): IntegerOperands | undefined {
  if (op === "DynamicQuantizeMatMul") {
    const [input = "", weight = "", scales = "", zeros = "", bias = ""] =
      inputs;
    return { input, weight, scales, zeros, bias };
  }
  if (op !== "MatMulIntegerToFloat") return undefined;
  const [x = "", weight = "", scale = "", scales = "", ...more] = inputs;
  const [point = "", zeros = "", bias = ""] = more;
  const input = quantizedInput(flow, x, scale, point);
  return input === undefined
    ? undefined
    : { input, weight, scales, zeros, bias };
}

/** x, if these are the outputs of its DynamicQuantizeLinear. */
function quantizedInput(
  flow: Dataflow,
  ...values: readonly (string | undefined)[]
): string | undefined {
  const node = flow.producer(values[0]);
  if (node?.op !== "DynamicQuantizeLinear") return undefined;
  const isAll = values.every(
    (value, i) => flow.source(value ?? "") === node.outputs[i],
  );
  return isAll ? node.inputs[0] : undefined;
}

function readIntegers(
  flow: Dataflow,
  names: IntegerOperands,
): { readonly input: string; readonly linear: IntegerLinear } {
  const weight = flow.storedTensor(names.weight);
  const scales = flow.storedTensor(names.scales);
  const zeros = flow.storedTensor(names.zeros);
  const bias = flow.storedTensor(names.bias);
  const [inner = 0, outer = 0, ...more] = weight?.dims ?? [];
  const isForAll = (tensor: StoredTensor) =>
    [1, outer].includes(elementCount(tensor));
  const fits =
    more.length === 0 &&
    inner * outer > 0 &&
    ["int8", "uint8"].includes(weight?.type ?? "") &&
    (names.zeros === "") === (zeros === undefined) &&
    (names.bias === "") === (bias === undefined) &&
    (zeros === undefined || (zeros.type === weight?.type && isForAll(zeros)));
  if (!fits || !weight || !scales || !isForAll(scales)) {
    throw new UnsupportedGraph(
      `weight ${names.weight} is not a matrix of 8-bit integers with one scale, or one for each column`,
    );
  }
  const linear: IntegerLinear = {
    kind: "integer",
    ...{ weight, scales, inner, outer },
    ...(zeros && { zeros }),
    ...(bias && { bias }),
  };
  return { input: names.input, linear };
}
