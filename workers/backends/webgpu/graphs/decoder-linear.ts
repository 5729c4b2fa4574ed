import type { OnnxNode } from "../../../onnx/onnx";
import { UnsupportedGraph } from "./weight";
import { sizeOf, type Stored, type Wiring } from "../../../onnx/wiring";

/** x W + b, its weight as numbers … */
export interface Dense {
  readonly kind: "dense";
  /** [inner, outer], or the other way round if `transposed`. */
  readonly weight: Stored;
  readonly transposed: boolean;
  readonly inner: number;
  readonly outer: number;
  readonly bias?: Stored;
}

/** … or in blocks of few bits, each (number - zero) · scale of its block. */
export interface Blocks {
  readonly kind: "blocks";
  readonly weight: Stored;
  readonly scales: Stored;
  readonly zeros?: Stored;
  readonly inner: number;
  readonly outer: number;
  readonly bits: number;
  readonly size: number;
  readonly accuracy: number;
  readonly bias?: Stored;
}

export type Linear = Dense | Blocks;

const PRODUCTS = ["MatMul", "Gemm", "MatMulNBits"];

/** Whether `value` is a product with a weight, perhaps with a bias. */
export function isLinear(wiring: Wiring, value: string): boolean {
  const node = wiring.maker(value);
  if (node === undefined) return false;
  if (PRODUCTS.includes(node.op)) return true;
  return biased(wiring, node) !== undefined;
}

/** The product that gives `value`, and what it is of. */
export function readLinear(
  wiring: Wiring,
  value: string,
): { readonly input: string; readonly linear: Linear } {
  const node = wiring.maker(value);
  if (node === undefined)
    throw new UnsupportedGraph(`${value} is not computed`);
  const sum = biased(wiring, node);
  const { input, linear } = readProduct(wiring, sum?.product ?? node, value);
  if (sum !== undefined && linear.bias !== undefined) {
    throw new UnsupportedGraph(`${value} has two biases`);
  }
  const bias = sum?.bias ?? linear.bias;
  if (bias === undefined) return { input, linear };
  if (sizeOf(bias) !== linear.outer)
    throw new UnsupportedGraph(`${bias.name} is no bias`);
  return { input, linear: { ...linear, bias } };
}

/** The parts of a sum with a bias. */
function biased(wiring: Wiring, { op, inputs }: OnnxNode) {
  if (op !== "Add") return undefined;
  for (const [other, name] of [inputs, [...inputs].reverse()]) {
    const bias = wiring.stored(name);
    const product = wiring.maker(other);
    if (bias === undefined || product === undefined) continue;
    if (PRODUCTS.includes(product.op)) return { product, bias };
  }
  return undefined;
}

function readProduct(wiring: Wiring, node: OnnxNode, value: string) {
  switch (node.op) {
    case "MatMul":
      return readMatMul(wiring, node);
    case "Gemm":
      return readGemm(wiring, node);
    case "MatMulNBits":
      return readBlocks(wiring, node);
    default:
      throw new UnsupportedGraph(
        `${value} comes from ${node.op}, not from a product`,
      );
  }
}

function readMatMul(wiring: Wiring, { inputs }: OnnxNode) {
  const [input = "", name = ""] = inputs;
  const turned = wiring.maker(name);
  const isTurned =
    turned?.op === "Transpose" && turned.lists.get("perm")?.join() === "1,0";
  const weight = wiring.stored(isTurned ? turned.inputs[0] : name);
  return { input, linear: dense(weight, isTurned, name) };
}

function readGemm(wiring: Wiring, node: OnnxNode) {
  const { attributes, floats, inputs } = node;
  const [input = "", name = "", c = ""] = inputs;
  const scaled = [floats.get("alpha") ?? 1, floats.get("beta") ?? 1];
  if (scaled.some((by) => by !== 1) || (attributes.get("transA") ?? 0) !== 0) {
    throw new UnsupportedGraph(
      `${name} is scaled or transposed in its product`,
    );
  }
  const transposed = attributes.get("transB") === 1;
  const linear = dense(wiring.stored(name), transposed, name);
  if (c === "") return { input, linear };
  const bias = wiring.stored(c);
  if (bias === undefined) throw new UnsupportedGraph(`${c} is no bias`);
  return { input, linear: { ...linear, bias } };
}

function dense(
  weight: Stored | undefined,
  transposed: boolean,
  name: string,
): Dense {
  const [rows = 0, columns = 0, ...more] = weight?.dims ?? [];
  if (weight === undefined || rows * columns === 0 || more.length > 0) {
    throw new UnsupportedGraph(`${name} is no matrix in the file`);
  }
  const [inner, outer] = transposed ? [columns, rows] : [rows, columns];
  return { kind: "dense", weight, transposed, inner, outer };
}

/** As WebGPU computes them. */
const BITS = [2, 4, 8];

function readBlocks(wiring: Wiring, { attributes, inputs }: OnnxNode) {
  const [input = "", name = "", scales, zeros = "", order = "", b = ""] =
    inputs;
  const number = (key: string, otherwise = 0) =>
    attributes.get(key) ?? otherwise;
  const [inner, outer] = [number("K"), number("N")];
  const [bits, size] = [number("bits", 4), number("block_size")];
  const weight = wiring.stored(name);
  const scale = wiring.stored(scales);
  if (weight === undefined || scale === undefined) {
    throw new UnsupportedGraph(`${name} or its scales are not in the file`);
  }
  if (order !== "" || number("weight_prepacked") !== 0) {
    throw new UnsupportedGraph(`${name} is stored in an order of its own`);
  }
  const count = Math.ceil(inner / size);
  const bytes = (outer * count * size * bits) / 8;
  const known = BITS.includes(bits) && weight.type === "uint8";
  if (!known || sizeOf(weight) !== bytes || sizeOf(scale) !== outer * count) {
    throw new UnsupportedGraph(
      `${name} is no matrix of ${bits} bits in blocks of ${size}`,
    );
  }
  const zero = zeros === "" ? undefined : wiring.stored(zeros);
  const zeroBytes = outer * Math.ceil((count * bits) / 8);
  const zeroFits = zero?.type === "uint8" && sizeOf(zero) === zeroBytes;
  if (zeros !== "" && !zeroFits) {
    throw new UnsupportedGraph(`${zeros} are no zero points of ${bits} bits`);
  }
  const bias = b === "" ? undefined : wiring.stored(b);
  if (b !== "" && bias === undefined)
    throw new UnsupportedGraph(`${b} is no bias`);
  const linear: Blocks = {
    kind: "blocks",
    ...{ weight, scales: scale, inner, outer, bits, size },
    accuracy: number("accuracy_level"),
    ...(zero && { zeros: zero }),
    ...(bias && { bias }),
  };
  return { input, linear };
}
