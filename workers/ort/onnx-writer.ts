/**
 * Just enough of the ONNX protobuf to write a graph of operators:
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Field numbers are
 * that file's.
 */
import { typeNumber } from "../weights/onnx-messages";
import {
  contentField,
  contentHead,
  numberField,
  textField,
} from "../weights/protobuf-writer";

export interface Value {
  readonly name: string;
  readonly type: string;
  /** A string is a free dimension. */
  readonly shape: readonly (number | string)[];
}

export interface Node {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, number>>;
}

const ATTRIBUTE_INT = 2;

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

function nodeProto(node: Node): number[] {
  const attributes = Object.entries(node.attributes).flatMap(([name, value]) =>
    contentField(5, [
      ...textField(1, name),
      ...numberField(3, value),
      ...numberField(20, ATTRIBUTE_INT),
    ]),
  );
  return [
    ...node.inputs.flatMap((name) => textField(1, name)),
    ...node.outputs.flatMap((name) => textField(2, name)),
    ...textField(4, node.op),
    ...attributes,
    ...textField(7, node.domain),
  ];
}

/** All of a graph but its weights. */
export function writeGraph(
  nodes: readonly Node[],
  inputs: readonly Value[],
  outputs: readonly Value[],
): number[] {
  return [
    ...nodes.flatMap((node) => contentField(1, nodeProto(node))),
    ...textField(2, "graph"),
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

/** A model file without weights. */
export function writeModel(
  nodes: readonly Node[],
  inputs: readonly Value[],
  outputs: readonly Value[],
): Uint8Array {
  const graph = writeGraph(nodes, inputs, outputs);
  return Uint8Array.from([...writeModelHead(graph.length), ...graph]);
}
