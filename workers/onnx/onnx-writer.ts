/**
 * Just enough of the ONNX protobuf to write a graph of operators:
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Field numbers are
 * that file's.
 */
import { typeNumber } from "./onnx-messages";
import {
  bytesField,
  contentField,
  contentHead,
  floatField,
  numberField,
  textField,
} from "./protobuf-writer";

export interface Value {
  readonly name: string;
  readonly type: string;
  /** A string is a free dimension. */
  readonly shape: readonly (number | string)[];
}

/** A number is a whole one; others are marked, as 1 and 1.0 are the same. */
export type Attribute =
  number | string | readonly number[] | { readonly float: number };

export interface Node {
  readonly op: string;
  readonly domain: string;
  /** An empty name stands for one that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** A small tensor that the graph itself holds. */
export interface Constant {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

/** AttributeProto.AttributeType. */
const [FLOAT, INT, STRING, INTS] = [1, 2, 3, 7];

function valueInfo({ name, type, shape }: Value): number[] {
  const dims = shape.flatMap((size) =>
    contentField(
      1,
      typeof size === "number" ? numberField(1, size) : textField(2, size),
    ),
  );
  const tensor = [
    ...numberField(1, typeNumber(type)),
    ...contentField(2, dims),
  ];
  return [...textField(1, name), ...contentField(2, contentField(1, tensor))];
}

function attributeProto(value: Attribute): number[] {
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

function nodeProto(node: Node): number[] {
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

function tensorProto({ name, type, dims, bytes }: Constant): number[] {
  return [
    ...dims.flatMap((size) => numberField(1, size)),
    ...numberField(2, typeNumber(type)),
    ...textField(8, name),
    ...bytesField(9, bytes),
  ];
}

/** All of a graph but its large weights. */
export function writeGraph(
  nodes: readonly Node[],
  inputs: readonly Value[],
  outputs: readonly Value[],
  constants: readonly Constant[] = [],
): number[] {
  return [
    ...nodes.flatMap((node) => contentField(1, nodeProto(node))),
    ...textField(2, "graph"),
    ...constants.flatMap((each) => contentField(5, tensorProto(each))),
    ...inputs.flatMap((value) => contentField(11, valueInfo(value))),
    ...outputs.flatMap((value) => contentField(12, valueInfo(value))),
  ];
}

/** What a file has before a graph of that many bytes: opset 21 and ONNX
 * Runtime's own operators. */
export function writeModelHead(graphBytes: number): number[] {
  const opset = (domain: string, version: number): number[] =>
    contentField(8, [...textField(1, domain), ...numberField(2, version)]);
  return [
    ...numberField(1, 10),
    ...opset("", 21),
    ...opset("com.microsoft", 1),
    ...contentHead(7, graphBytes),
  ];
}

/** A model file without large weights. */
export function writeModel(
  nodes: readonly Node[],
  inputs: readonly Value[],
  outputs: readonly Value[],
  constants: readonly Constant[] = [],
): Uint8Array<ArrayBuffer> {
  const graph = writeGraph(nodes, inputs, outputs, constants);
  return Uint8Array.from([...writeModelHead(graph.length), ...graph]);
}
