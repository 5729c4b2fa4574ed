import type { FloatType } from "../ort/tensor-rows";
import type {
  TensorLocation,
  Initializer,
  OnnxGraph,
} from "../onnx/onnx-reader";
import type { OnnxNode } from "../onnx/onnx-protos";

/** The table of an embed_tokens graph that only looks up rows. */
export interface EmbeddingTable {
  readonly rows: number;
  readonly width: number;
  /** Type of the rows, dequantized. */
  readonly type: FloatType;
  /** Type of the graph's output. */
  readonly outputType: FloatType;
  /** Position of the first row. */
  readonly data: TensorLocation;
  /** Absent if the table is not quantized. */
  readonly blocks?: Blocks;
}

/** Block quantization: value = (stored - zero) * scale of its block. */
export interface Blocks {
  readonly bits: number;
  readonly signed: boolean;
  /** Values of a row that share a scale and a zero point. */
  readonly size: number;
  /** In the type of the table. */
  readonly scales: TensorLocation;
  /** In as many bits as the values. */
  readonly zeros?: TensorLocation;
  /** The zero point where there are no `zeros`. */
  readonly zero: number;
  /** Whether the zero points of each row start at a byte. */
  readonly padded: boolean;
  /** Whether all rows share one scale and one zero point. */
  readonly shared: boolean;
}

/** ONNX type numbers that rows and ids may be cast to. */
const FLOATS: Readonly<Record<number, FloatType>> = {
  1: "float32",
  10: "float16",
};
const INTEGERS = [6, 7];

/** The input and the output of embed_tokens. */
export const TOKEN_IDS = "input_ids";
export const EMBEDDINGS = "inputs_embeds";

/**
 * The table of a graph whose embeddings are one Gather or GatherBlockQuantized, optionally with
 * a DequantizeLinear, and with a Cast of the ids before it and of the rows after it. Undefined for any other
 * graph. Further outputs are ignored.
 */
export function embeddingTable(graph: OnnxGraph): EmbeddingTable | undefined {
  const { nodes } = graph;
  const path = pathTo(EMBEDDINGS, nodes);
  const last = path.at(-1);
  // Rows may be dequantized after they are looked up, or with the whole table.
  const rows = last?.op === DEQUANTIZE ? pathTo(last.inputs[0], nodes) : [];
  const gather = rows.length === 1 ? rows[0] : last;
  if (last === undefined || gather === undefined) return undefined;
  const whole = nodes.find(({ outputs }) => outputs[0] === gather.inputs[0]);
  const dequantize = gather === last ? whole : last;
  const table =
    dequantize === undefined
      ? gathered(gather, graph)
      : dequantized(gather, dequantize, graph);
  if (table === undefined) return undefined;
  const before = pathTo(gather.inputs[1], nodes);
  const after = path.slice(0, -1);
  const [cast, ...more] = after.filter(({ op }) => op === "Cast");
  const outputType =
    cast === undefined ? table.type : FLOATS[cast.attributes.get("to") ?? 0];
  const supported =
    more.length === 0 &&
    (before.at(-1)?.inputs[0] ?? gather.inputs[1]) === TOKEN_IDS &&
    before.every(keepsIds) &&
    after.every(({ op }) => op === "Cast" || op === "Identity") &&
    [...before, ...after].every(({ domain }) => domain === "");
  if (!supported || outputType === undefined) return undefined;
  return { ...table, outputType };
}

function keepsIds({ op, attributes }: OnnxNode): boolean {
  const to = attributes.get("to") ?? 0;
  return op === "Identity" || (op === "Cast" && INTEGERS.includes(to));
}

/** The nodes that compute `name`, the last first, back to one with several inputs
 * or to an input of the graph. */
function pathTo(
  name: string | undefined,
  nodes: readonly OnnxNode[],
): OnnxNode[] {
  const path: OnnxNode[] = [];
  for (let wanted = name; path.length <= nodes.length;) {
    const node = nodes.find(({ outputs }) => outputs[0] === wanted);
    if (node === undefined) break;
    path.push(node);
    if (node.inputs.length !== 1) break;
    wanted = node.inputs[0];
  }
  return path;
}

type Table = Omit<EmbeddingTable, "outputType">;

const DEQUANTIZE = "DequantizeLinear";

/** Whether a Gather looks up rows, not columns. */
function looksUpRows({ op, domain, attributes }: OnnxNode): boolean {
  const axis = attributes.get("axis") ?? 0;
  return op === "Gather" && domain === "" && axis === 0;
}

/** A table of bytes with one scale and zero point for all rows, or one for each. */
function dequantized(
  gather: OnnxNode,
  node: OnnxNode,
  { initializers }: OnnxGraph,
): Table | undefined {
  const wholeTable = node.outputs[0] === gather.inputs[0];
  const { op, domain, attributes, inputs } = node;
  if (op !== DEQUANTIZE || domain !== "" || !looksUpRows(gather)) {
    return undefined;
  }
  const name = wholeTable ? inputs[0] : gather.inputs[0];
  const [table, scales, zeros] = [name, inputs[1], inputs[2]].map((one) =>
    initializers.get(one ?? ""),
  );
  const [rows = 0, width = 0, ...rest] = table?.dims ?? [];
  const type = floatType(scales);
  if (table?.data === undefined || rest.length > 0 || rows * width === 0) {
    return undefined;
  }
  const count = (tensor: Initializer | undefined) =>
    tensor?.dims.reduce((a, b) => a * b, 1);
  const shared = count(scales) === 1;
  const perRow =
    wholeTable && attributes.get("axis") === 0 && count(scales) === rows;
  const hasZeros = (inputs[2] ?? "") !== "";
  const fits =
    ["uint8", "int8"].includes(table.type) &&
    (shared || perRow) &&
    (attributes.get("block_size") ?? 0) === 0 &&
    (!hasZeros || count(zeros) === count(scales)) &&
    (!hasZeros || zeros?.data !== undefined || zeros?.numbers?.length === 1);
  if (!fits || type === undefined || scales?.data === undefined) {
    return undefined;
  }
  const blocks: Blocks = {
    bits: 8,
    signed: table.type === "int8",
    size: width,
    scales: scales.data,
    ...(zeros?.data && { zeros: zeros.data }),
    zero: zeros?.numbers?.[0] ?? 0,
    padded: false,
    shared,
  };
  return { rows, width, type, data: table.data, blocks };
}

/** The table of a node that looks up rows. */
function gathered(
  node: OnnxNode,
  { initializers }: OnnxGraph,
): Table | undefined {
  const { op, domain, inputs, attributes } = node;
  const [table, , scales, zeros] = inputs.map((name) => initializers.get(name));
  const [rows = 0, columns = 0, ...rest] = table?.dims ?? [];
  if (table?.data === undefined || rest.length > 0 || rows * columns === 0) {
    return undefined;
  }
  const { data } = table;
  if (looksUpRows(node)) {
    const type = floatType(table);
    if (type === undefined) return undefined;
    return { rows, width: columns, type, data };
  }
  if (op !== "GatherBlockQuantized" || domain !== "com.microsoft") {
    return undefined;
  }
  const type = floatType(scales);
  const { bits, signed } = bitsOf(table, attributes.get("bits") ?? 4);
  const size = attributes.get("block_size") ?? 128;
  const byRow =
    (attributes.get("gather_axis") ?? 0) === 0 &&
    (attributes.get("quantize_axis") ?? 1) === 1;
  const packed = table.type === "uint8";
  const width = packed ? (columns * 8) / bits : columns;
  const hasZeros = (inputs[3] ?? "") !== "";
  const fits =
    (width * bits) % 8 === 0 &&
    scales?.dims[0] === rows &&
    scales.dims[1] === Math.ceil(width / size) &&
    (zeros?.data !== undefined) === hasZeros;
  if (!fits || !byRow || type === undefined || scales?.data === undefined) {
    return undefined;
  }
  const blocks: Blocks = {
    bits,
    signed,
    size,
    scales: scales.data,
    padded: packed,
    shared: false,
    zero: packed ? 2 ** (bits - 1) : 0,
    ...(zeros?.data && { zeros: zeros.data }),
  };
  return { rows, width, type, data, blocks };
}

function floatType(tensor: Initializer | undefined): FloatType | undefined {
  return Object.values(FLOATS).find((name) => name === tensor?.type);
}

/** uint8 tables hold several values per byte. */
function bitsOf({ type }: Initializer, packed: number) {
  const bits = type === "uint8" ? packed : 4;
  const known = ["uint8", "uint4", "int4"].includes(type);
  return { bits: known ? bits : NaN, signed: type === "int4" };
}
