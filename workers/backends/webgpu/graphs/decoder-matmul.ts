import type { Blocks, Dense, Linear } from "./decoder-linear";
import type { GraphOps } from "../../../onnx/graph-ops";
import { sideBySide, stacked, UnsupportedGraph, type Weight } from "./weight";
import type { Stored } from "../../../onnx/wiring";

/** x W + b as our graphs compute it. */
export interface MatMul {
  readonly weights: readonly Weight[];
  /** Adds it to a graph, for `rows` rows of `x`; gives the name of the result. */
  emit(graph: GraphOps, x: string, rows: number): string;
}

/** Whether they can be one product side by side. */
export function alike(linears: readonly Linear[]): boolean {
  const kinds = linears.map((linear) => {
    const { kind, inner } = linear;
    if (kind === "dense") {
      return [kind, inner, linear.transposed, linear.weight.type].join();
    }
    const { bits, size, accuracy, scales } = linear;
    return [kind, inner, bits, size, accuracy, scales.type].join();
  });
  return new Set(kinds).size === 1;
}

/** One product of several that are alike. */
export function product(linears: readonly Linear[]): MatMul {
  const blocks = linears.filter((linear) => linear.kind === "blocks");
  const dense = linears.filter((linear) => linear.kind === "dense");
  return blocks.length > 0 ? blocksProduct(blocks) : denseProduct(dense);
}

function denseProduct(linears: readonly Dense[]): MatMul {
  const [first] = linears;
  if (first === undefined) throw new Error("A product of nothing");
  const { inner, transposed } = first;
  const { type } = first.weight;
  const outer = widthOf(linears);
  const stored = linears.map(({ weight }) => weight);
  if (transposed) {
    const weight = join(stored, type, [outer, inner]);
    const bias = joinBiases(linears, type, [1, 1, outer]);
    return {
      weights: [weight, bias],
      emit: (graph, x, rows) => graph.gemm(x, weight, bias, [rows, inner]),
    };
  }
  const dims = [inner, outer];
  const facts = { name: nameOf(stored, dims), type, dims };
  const pieces = stored.map(({ piece }) => piece);
  const weight = sideBySide(facts, pieces, inner);
  const bias = biasOf(linears, type);
  return {
    weights: bias === undefined ? [weight] : [weight, bias],
    emit: (graph, x) => graph.matMul(x, weight, bias),
  };
}

function blocksProduct(linears: readonly Blocks[]): MatMul {
  const [first] = linears;
  if (first === undefined) throw new Error("A product of nothing");
  const { inner, bits, size, accuracy } = first;
  const { type } = first.scales;
  const outer = widthOf(linears);
  const count = Math.ceil(inner / size);
  const weight = join(
    linears.map(({ weight }) => weight),
    "uint8",
    [outer, count, (size * bits) / 8],
  );
  const scales = join(
    linears.map(({ scales }) => scales),
    type,
    [outer, count],
  );
  const zeros = zerosOf(linears, bits, Math.ceil((count * bits) / 8));
  const bias = biasOf(linears, type);
  const attributes = {
    ...{ K: inner, N: outer, bits, block_size: size },
    accuracy_level: accuracy,
  };
  const given = [weight, scales, zeros, undefined, bias];
  return {
    weights: given.filter((one) => one !== undefined),
    emit: (graph, x) =>
      graph.own("MatMulNBits", [x, ...given.map((w) => w?.name)], attributes),
  };
}

/** Zero points; where only some have them, the others' are the middle. */
function zerosOf(
  linears: readonly Blocks[],
  bits: number,
  rowBytes: number,
): Weight | undefined {
  if (linears.every(({ zeros }) => zeros === undefined)) return undefined;
  const middle = { 2: 0xaa, 4: 0x88 }[bits] ?? 0x80;
  const parts = linears.map(
    ({ zeros, outer }) => zeros ?? filled(middle, outer * rowBytes),
  );
  return join(parts, "uint8", [widthOf(linears), rowBytes]);
}

/** Biases; where only some have one, the others' are 0. */
function biasOf(linears: readonly Linear[], type: string): Weight | undefined {
  if (linears.every(({ bias }) => bias === undefined)) return undefined;
  return joinBiases(linears, type, [widthOf(linears)]);
}

function joinBiases(
  linears: readonly Linear[],
  type: string,
  dims: readonly number[],
): Weight {
  const odd = linears.find(({ bias }) => bias && bias.type !== type);
  if (odd !== undefined)
    throw new UnsupportedGraph(`${odd.bias?.name} is not ${type}`);
  const bytes = type === "float16" ? 2 : 4;
  const parts = linears.map(
    ({ bias, outer }) => bias ?? filled(0, outer * bytes),
  );
  return join(parts, type, dims);
}

type Part = Pick<Stored, "name" | "piece">;

const filled = (fill: number, length: number): Part => {
  return { name: `${length} x ${fill}`, piece: { fill, length } };
};

/** One part after another. */
function join(
  parts: readonly Part[],
  type: string,
  dims: readonly number[],
): Weight {
  const facts = { name: nameOf(parts, dims), type, dims };
  const pieces = parts.map(({ piece }) => piece);
  return stacked(facts, pieces);
}

/** The same for the same parts in the same shape only. */
const nameOf = (parts: readonly Part[], dims: readonly number[]): string =>
  `decoder/${parts.map(({ name }) => name).join("+")} [${dims.join()}]`;

const widthOf = (linears: readonly Linear[]): number =>
  linears.reduce((sum, { outer }) => sum + outer, 0);
