import type { Float } from "../ort/rows";
import type { Initializer, OnnxGraph, OnnxNode } from "./onnx";

/** A graph that does nothing but look up rows. */
export interface EmbeddingTable {
  readonly rows: number;
  readonly width: number;
  /** Of the stored numbers. */
  readonly type: Float;
  /** Of what the graph gives. */
  readonly outputType: Float;
  /** Where the first row is. */
  readonly data: NonNullable<Initializer["data"]>;
}

/** ONNX's numbers of the types that ids and rows may be cast to. */
const FLOATS: Readonly<Record<number, Float>> = { 1: "float32", 10: "float16" };
const INTEGERS = [6, 7];

/**
 * The table of a graph that is a plain Gather of its rows, perhaps with a Cast
 * of the ids before and one of the rows after; undefined for any other.
 */
export function embeddingTable(graph: OnnxGraph): EmbeddingTable | undefined {
  const { nodes, inputs, outputs, initializers } = graph;
  const [ids] = inputs;
  const [output] = outputs;
  if (inputs.length !== 1 || outputs.length !== 1) return undefined;
  const path = pathTo(output?.name, nodes);
  const gather = path.find(({ op }) => op === "Gather");
  if (gather === undefined || (gather.attributes.get("axis") ?? 0) !== 0) {
    return undefined;
  }
  const table = initializers.get(gather.inputs[0] ?? "");
  const [rows = 0, width = 0, ...rest] = table?.dims ?? [];
  const type = Object.values(FLOATS).find((name) => name === table?.type);
  if (table?.data === undefined || rest.length > 0 || type === undefined) {
    return undefined;
  }
  const before = pathTo(gather.inputs[1], nodes);
  const after = path.slice(0, path.indexOf(gather));
  const [cast, ...more] = after.filter(({ op }) => op === "Cast");
  const outputType =
    cast === undefined ? type : FLOATS[cast.attributes.get("to") ?? 0];
  const plain =
    rows * width > 0 &&
    more.length === 0 &&
    outputType !== undefined &&
    startOf(before, gather.inputs[1]) === ids?.name &&
    before.every(keepsIds) &&
    after.every(({ op }) => op === "Cast" || op === "Identity") &&
    nodes.length === before.length + 1 + after.length &&
    nodes.every(({ domain }) => domain === "");
  return plain
    ? { rows, width, type, outputType, data: table.data }
    : undefined;
}

function keepsIds({ op, attributes }: OnnxNode): boolean {
  const to = attributes.get("to") ?? 0;
  return op === "Identity" || (op === "Cast" && INTEGERS.includes(to));
}

/** The nodes that `name` goes through, the last first, as long as each has one
 * input; a Gather ends it. */
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

const startOf = (path: readonly OnnxNode[], name: string | undefined) =>
  path.at(-1)?.inputs[0] ?? name;
