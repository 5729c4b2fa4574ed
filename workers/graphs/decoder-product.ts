import type { Blocks, Dense, Linear } from "./decoder-linear";
import type { GraphOps } from "./graph-ops";
import { sideBySide, stacked, Unfit, type Piece, type Weight } from "./weight";
import type { Stored } from "./wiring";

/** x W + b as our graphs compute it. */
export interface Product {
  readonly weights: readonly Weight[];
  /** Adds it to a graph, for `rows` rows of `x`; gives the name of the result. */
  emit(graph: GraphOps, x: string, rows: number): string;
}

/** Some of them side by side, if they are of one kind; else undefined. */
export function packed(linears: readonly Linear[]): Product | undefined {
  const blocks = linears.filter((linear) => linear.kind === "blocks");
  if (blocks.length === linears.length) return packBlocks(blocks);
  const dense = linears.filter((linear) => linear.kind === "dense");
  return dense.length === linears.length ? packDense(dense) : undefined;
}

export function product(linear: Linear): Product {
  const one = packed([linear]);
  if (one === undefined) throw new Unfit(`${linear.weight.name} is odd`);
  return one;
}

function packDense(linears: readonly Dense[]): Product | undefined {
  const [first] = linears;
  if (first === undefined) return undefined;
  const { inner, transposed } = first;
  const alike = linears.every(
    (one) =>
      one.inner === inner &&
      one.transposed === transposed &&
      one.weight.type === first.weight.type,
  );
  if (!alike) return undefined;
  const outer = linears.reduce((sum, one) => sum + one.outer, 0);
  const stored = linears.map(({ weight }) => weight);
  const pieces = stored.map(({ piece }) => piece);
  const facts = {
    name: nameOf(stored),
    type: first.weight.type,
    dims: transposed ? [outer, inner] : [inner, outer],
  };
  const weight = transposed
    ? stacked(facts, pieces)
    : sideBySide(facts, pieces, inner);
  const { type } = weight;
  if (!transposed) {
    const bias = biasOf(linears, type, weight.name);
    return {
      weights: bias === undefined ? [weight] : [weight, bias],
      emit: (graph, x) => graph.matMul(x, weight, bias),
    };
  }
  const bias = stackedBias(linears, type, weight.name, [1, 1, outer]);
  return {
    weights: [weight, bias],
    emit: (graph, x, rows) => graph.gemm(x, weight, bias, [rows, inner]),
  };
}

function packBlocks(linears: readonly Blocks[]): Product | undefined {
  const [first] = linears;
  if (first === undefined) return undefined;
  const { inner, bits, size, accuracy } = first;
  const alike = linears.every(
    (one) =>
      one.inner === inner &&
      one.bits === bits &&
      one.size === size &&
      one.accuracy === accuracy &&
      one.scales.type === first.scales.type,
  );
  if (!alike) return undefined;
  const outer = linears.reduce((sum, one) => sum + one.outer, 0);
  const count = Math.ceil(inner / size);
  const join = (stored: readonly Stored[], dims: readonly number[]): Weight =>
    stacked(
      { name: nameOf(stored), type: stored[0]?.type ?? "", dims },
      stored.map(({ piece }) => piece),
    );
  const stored = linears.map(({ weight }) => weight);
  const weight = join(stored, [outer, count, (size * bits) / 8]);
  const scales = join(
    linears.map(({ scales }) => scales),
    [outer, count],
  );
  const zeros = zerosOf(linears, Math.ceil((count * bits) / 8), weight.name);
  const bias = biasOf(linears, first.scales.type, weight.name);
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
  rowBytes: number,
  name: string,
): Weight | undefined {
  if (linears.every(({ zeros }) => zeros === undefined)) return undefined;
  const middle = { 2: 0xaa, 4: 0x88 }[linears[0]?.bits ?? 0] ?? 0x80;
  const pieces = linears.map(
    ({ zeros, outer }): Piece =>
      zeros?.piece ?? { fill: middle, length: outer * rowBytes },
  );
  const rows = linears.reduce((sum, { outer }) => sum + outer, 0);
  const dims = [rows, rowBytes];
  return stacked({ name: `${name}/zeros`, type: "uint8", dims }, pieces);
}

function biasOf(
  linears: readonly Linear[],
  type: string,
  name: string,
): Weight | undefined {
  if (linears.every(({ bias }) => bias === undefined)) return undefined;
  const columns = linears.reduce((sum, { outer }) => sum + outer, 0);
  return stackedBias(linears, type, name, [columns]);
}

/** Biases one after another; of those without one they are 0. */
function stackedBias(
  linears: readonly Linear[],
  type: string,
  name: string,
  dims: readonly number[],
): Weight {
  const odd = linears.find(({ bias }) => bias && bias.type !== type);
  if (odd !== undefined) throw new Unfit(`${odd.bias?.name} is not ${type}`);
  const bytes = type === "float16" ? 2 : 4;
  const pieces = linears.map(
    ({ bias, outer }): Piece =>
      bias?.piece ?? { fill: 0, length: outer * bytes },
  );
  return stacked({ name: `${name}/bias`, type, dims }, pieces);
}

const nameOf = (stored: readonly Stored[]): string =>
  `decoder/${stored.map(({ name }) => name).join("+")}`;
