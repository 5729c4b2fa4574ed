/**
 * Writes ONNX models. Field numbers follow
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
 */
import { dataTypeNumber, type ValueInfo } from "./onnx-protos";
import {
  bytesField,
  contentField,
  contentHeader,
  floatField,
  numberField,
  textField,
} from "./protobuf";

/** A plain number is an INT attribute; `{ float }` marks a FLOAT, since 1 and 1.0
 * are one value in JavaScript. */
export type AttributeValue =
  number | string | readonly number[] | { readonly float: number };

export interface NodeSpec {
  readonly op: string;
  readonly domain: string;
  /** An empty name is an omitted optional input. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

/** A small initializer stored in the graph. */
export interface ConstantSpec {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

/** AttributeProto.AttributeType. */
const [FLOAT, INT, STRING, INTS] = [1, 2, 3, 7];

function valueInfoProto({ name, type, shape }: ValueInfo): number[] {
  const dims = shape?.flatMap((size) =>
    contentField(
      1,
      typeof size === "number" ? numberField(1, size) : textField(2, size),
    ),
  );
  const tensor = [
    ...numberField(1, dataTypeNumber(type)),
    ...(dims ? contentField(2, dims) : []),
  ];
  return [...textField(1, name), ...contentField(2, contentField(1, tensor))];
}

function attributeProto(value: AttributeValue): number[] {
  if (typeof value === "number") {
    return [...numberField(3, value), ...numberField(20, INT)];
  }
  if (typeof value === "string") {
    return [...textField(4, value), ...numberField(20, STRING)];
  }
  if ("float" in value) {
    return [...floatField(2, value.float), ...numberField(20, FLOAT)];
  }
  const numbers = value.flatMap((each) => numberField(8, each));
  return [...numbers, ...numberField(20, INTS)];
}

function nodeProto(node: NodeSpec): number[] {
  const attributes = Object.entries(node.attributes).flatMap(([name, value]) =>
    contentField(5, [...textField(1, name), ...attributeProto(value)]),
  );
  return [
    ...node.inputs.flatMap((name) => textField(1, name)),
    ...node.outputs.flatMap((name) => textField(2, name)),
    ...textField(4, node.op),
    ...attributes,
    ...textField(7, node.domain),
  ];
}

function tensorProto({ name, type, dims, bytes }: ConstantSpec): number[] {
  return [
    ...dims.flatMap((size) => numberField(1, size)),
    ...numberField(2, dataTypeNumber(type)),
    ...textField(8, name),
    ...bytesField(9, bytes),
  ];
}

/** Encodes fields of a GraphProto. */
export function writeGraphParts(
  nodes: readonly NodeSpec[],
  inputs: readonly ValueInfo[],
  outputs: readonly ValueInfo[],
  constants: readonly ConstantSpec[] = [],
): Uint8Array {
  return Uint8Array.from([
    ...nodes.flatMap((node) => contentField(1, nodeProto(node))),
    ...constants.flatMap((each) => contentField(5, tensorProto(each))),
    ...inputs.flatMap((value) => contentField(11, valueInfoProto(value))),
    ...outputs.flatMap((value) => contentField(12, valueInfoProto(value))),
  ]);
}

/** Encodes a GraphProto. */
export function writeGraph(
  nodes: readonly NodeSpec[],
  inputs: readonly ValueInfo[],
  outputs: readonly ValueInfo[],
  constants: readonly ConstantSpec[] = [],
): number[] {
  const parts = writeGraphParts(nodes, inputs, outputs, constants);
  return [...textField(2, "graph"), ...parts];
}

/** The fields of a ModelProto up to the content of a graph of `graphBytes`: IR
 * version 10, opset 21 and ONNX Runtime's contrib operators. */
export function writeModelHead(graphBytes: number): number[] {
  const opset = (domain: string, version: number): number[] =>
    contentField(8, [...textField(1, domain), ...numberField(2, version)]);
  return [
    ...numberField(1, 10),
    ...opset("", 21),
    ...opset("com.microsoft", 1),
    ...contentHeader(7, graphBytes),
  ];
}

/** Encodes a ModelProto. */
export function writeModel(
  nodes: readonly NodeSpec[],
  inputs: readonly ValueInfo[],
  outputs: readonly ValueInfo[],
  constants: readonly ConstantSpec[] = [],
): Uint8Array<ArrayBuffer> {
  const graph = writeGraph(nodes, inputs, outputs, constants);
  return Uint8Array.from([...writeModelHead(graph.length), ...graph]);
}
