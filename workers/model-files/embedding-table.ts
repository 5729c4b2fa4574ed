import type { FloatType } from "../ort/tensor-rows";
import type {
  TensorLocation,
  Initializer,
  OnnxGraph,
} from "../onnx/onnx-reader";
import type { OnnxNode } from "../onnx/onnx-protos";

/** A graph that does nothing but look up rows. */
export interface EmbeddingTable {
  readonly rows: number;
  readonly width: number;
  /** Of the numbers that are looked up. */
  readonly type: FloatType;
  /** Of what the graph gives. */
  readonly outputType: FloatType;
  /** Where the first row is. */
  readonly data: TensorLocation;
  /** Absent if the numbers are stored as they are. */
  readonly blocks?: Blocks;
}

/** Numbers of few bits: each is (number - zero) * scale of its block. */
export interface Blocks {
  readonly bits: number;
  readonly signed: boolean;
  /** Numbers of a row that share a scale and a zero. */
  readonly size: number;
  /** Of the type of the table. */
  readonly scales: TensorLocation;
  /** In as many bits as the numbers. */
  readonly zeros?: TensorLocation;
  /** Whether the zeros of each row begin with a whole byte. */
  readonly padded: boolean;
}

/** ONNX's numbers of the types that ids and rows may be cast to. */
const FLOATS: Readonly<Record<number, FloatType>> = {
  1: "float32",
  10: "float16",
};
const INTEGERS = [6, 7];

/**
 * The table of a graph that is a Gather of its rows, plain or from blocks of
 * few bits, perhaps with a Cast of the ids before and one of the rows after;
 * undefined for any other.
 */
export function embeddingTable(graph: OnnxGraph): EmbeddingTable | undefined {
  const { nodes, inputs, outputs } = graph;
  const [ids] = inputs;
  const [output] = outputs;
  if (inputs.length !== 1 || outputs.length !== 1) return undefined;
  const path = pathTo(output?.name, nodes);
  const gather = path.find(({ inputs }) => inputs.length > 1);
  const table = gather === undefined ? undefined : gathered(gather, graph);
  if (gather === undefined || table === undefined) return undefined;
  const before = pathTo(gather.inputs[1], nodes);
  const after = path.slice(0, path.indexOf(gather));
  const [cast, ...more] = after.filter(({ op }) => op === "Cast");
  const outputType =
    cast === undefined ? table.type : FLOATS[cast.attributes.get("to") ?? 0];
  const plain =
    more.length === 0 &&
    (before.at(-1)?.inputs[0] ?? gather.inputs[1]) === ids?.name &&
    before.every(keepsIds) &&
    after.every(({ op }) => op === "Cast" || op === "Identity") &&
    [...before, ...after].every(({ domain }) => domain === "") &&
    nodes.length === before.length + 1 + after.length;
  if (!plain || outputType === undefined) return undefined;
  return { ...table, outputType };
}

function keepsIds({ op, attributes }: OnnxNode): boolean {
  const to = attributes.get("to") ?? 0;
  return op === "Identity" || (op === "Cast" && INTEGERS.includes(to));
}

/** The nodes that `name` comes through, the last first, back to one that has
 * several inputs or to an input of the graph. */
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

/** What `node` looks rows up in, if that is what it does. */
function gathered(
  { op, domain, inputs, attributes }: OnnxNode,
  { initializers }: OnnxGraph,
): Table | undefined {
  const [table, , scales, zeros] = inputs.map((name) => initializers.get(name));
  const [rows = 0, columns = 0, ...rest] = table?.dims ?? [];
  if (table?.data === undefined || rest.length > 0 || rows * columns === 0) {
    return undefined;
  }
  const { data } = table;
  if (op === "Gather" && domain === "") {
    const type = floatType(table);
    const byRow = (attributes.get("axis") ?? 0) === 0;
    if (type === undefined || !byRow) return undefined;
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
  const zerosAreThere = (inputs[3] ?? "") !== "";
  const fits =
    (width * bits) % 8 === 0 &&
    scales?.dims[0] === rows &&
    scales.dims[1] === Math.ceil(width / size) &&
    (zeros?.data !== undefined) === zerosAreThere;
  if (!fits || !byRow || type === undefined || scales?.data === undefined) {
    return undefined;
  }
  const blocks: Blocks = {
    ...{ bits, signed, size, scales: scales.data, padded: packed },
    ...(zeros?.data && { zeros: zeros.data }),
  };
  return { rows, width, type, data, blocks };
}

function floatType(tensor: Initializer | undefined): FloatType | undefined {
  return Object.values(FLOATS).find((name) => name === tensor?.type);
}

/** Bytes hold several numbers where the operator says so. */
function bitsOf({ type }: Initializer, packed: number) {
  const bits = type === "uint8" ? packed : 4;
  const known = ["uint8", "uint4", "int4"].includes(type);
  return { bits: known ? bits : NaN, signed: type === "int4" };
}
