import {
  readNode,
  readTensorHeader,
  readValueInfo,
  type OnnxNode,
} from "./onnx-protos";
import { writeGraphParts } from "./onnx-writer";
import {
  concatBytes,
  contentField,
  contentHeader,
  contentOf,
  readFields,
  textField,
  type ProtobufField,
} from "./protobuf";

const LOGITS = "logits";

/** Operators between the output layer and the logits: casts, a bias, a scale. */
const AFTER_HEAD = ["Cast", "Identity", "Add", "Mul"];

/** Operators that take the hidden states as their first input. */
const HEAD = ["MatMul", "MatMulNBits", "MatMulBnb4", "DynamicQuantizeLinear"];

/** ModelProto.graph. */
const GRAPH = 7;

/** Fields of GraphProto. */
const [NODE, INITIALIZER, OUTPUT, VALUE_INFO] = [1, 5, 12, 13];

/** NodeProto.input. */
const INPUT = 1;

/**
 * A decoder with logits of the last position only. A prompt of 300 tokens has 182
 * MB of logits, of which one row is used; some GPUs cannot bind a buffer of that
 * size. Returns the model itself if its output layer is of an unknown form.
 *
 * `model`: an ONNX file, whose large weights may be elsewhere.
 */
export function keepLastRow(
  model: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  const modelFields = [...readFields(model)];
  const graphField = modelFields.find(({ number }) => number === GRAPH);
  if (graphField === undefined) return model;
  const graph = contentOf(model, graphField);
  const fields = [...readFields(graph)];
  const head = findHead(graph, fields);
  if (head === undefined) return model;
  const [hidden = "", ...others] = head.node.inputs;
  const [row, start, end, axis] = ["", " start", " end", " axis"].map(
    (suffix) => `${hidden}/last row${suffix}`,
  ) as [string, string, string, string];
  const slice = {
    op: "Slice",
    domain: "",
    inputs: [hidden, start, end, axis],
    outputs: [row],
    attributes: {},
  };
  const constants = [
    int64(start, -1n),
    int64(end, 2n ** 63n - 1n),
    int64(axis, 1n),
  ];
  const parts = fields.map((field) => {
    const bytes = graph.subarray(field.at, field.end);
    // The shapes of inner values may no longer be true.
    if (field.number === VALUE_INFO) return new Uint8Array();
    if (field.number === OUTPUT)
      return withOneRow(contentOf(graph, field), bytes);
    if (field !== head.field) return bytes;
    const changed = withInputs(contentOf(graph, field), [row, ...others]);
    return concatBytes([writeGraphParts([slice], [], [], constants), changed]);
  });
  const inner = concatBytes(parts);
  const outer = modelFields.map((field) =>
    field === graphField
      ? concatBytes([contentHeader(GRAPH, inner.length), inner])
      : model.subarray(field.at, field.end),
  );
  return concatBytes(outer);
}

interface HeadNode {
  readonly field: ProtobufField;
  readonly node: OnnxNode;
}

/** The node that takes the hidden states of all positions to the logits. */
function findHead(
  graph: Uint8Array,
  fields: readonly ProtobufField[],
): HeadNode | undefined {
  const content = (number: number) =>
    fields.filter((field) => field.number === number);
  const producers = new Map<string, HeadNode>();
  for (const field of content(NODE)) {
    const node = readNode(contentOf(graph, field));
    for (const output of node.outputs) producers.set(output, { field, node });
  }
  const weights = new Set(
    content(INITIALIZER).map((field) => {
      return readTensorHeader(contentOf(graph, field)).name;
    }),
  );
  const visited = new Set<string>();
  for (let at = LOGITS; !visited.has(at);) {
    visited.add(at);
    const found = producers.get(at);
    if (found === undefined) return undefined;
    const { op, inputs } = found.node;
    const [first = "", second = ""] = inputs;
    if (op === "MatMulInteger" || AFTER_HEAD.includes(op)) {
      at = weights.has(first) ? second : first;
      continue;
    }
    // The weight of a MatMul, stored or computed from what is stored.
    const weight = producers.get(second)?.node.inputs[0] ?? second;
    const known = HEAD.includes(op) && (op !== "MatMul" || weights.has(weight));
    return known && producers.has(first) ? found : undefined;
  }
  return undefined;
}

function int64(name: string, value: bigint) {
  const bytes = new Uint8Array(BigInt64Array.of(value).buffer);
  return { name, type: "int64", dims: [1], bytes };
}

/** The field of an output, which is the logits or stays as it is. */
function withOneRow(output: Uint8Array, field: Uint8Array): Uint8Array {
  const { shape, ...value } = readValueInfo(output);
  if (value.name !== LOGITS || shape?.length !== 3) return field;
  const [batch = 1, , vocabulary = "vocabulary"] = shape;
  const oneRow = { ...value, shape: [batch, 1, vocabulary] };
  return writeGraphParts([], [], [oneRow]);
}

/** The field of a node with other inputs. */
function withInputs(node: Uint8Array, inputs: readonly string[]): Uint8Array {
  const rest = [...readFields(node)].flatMap(({ number, at, end }) =>
    number === INPUT ? [] : [...node.subarray(at, end)],
  );
  const content = [
    ...inputs.flatMap((name) => textField(INPUT, name)),
    ...rest,
  ];
  return Uint8Array.from(contentField(NODE, content));
}
