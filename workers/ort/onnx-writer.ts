/**
 * Just enough of the ONNX protobuf to write a graph of operators with fixed
 * shapes: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Field
 * numbers are that file's.
 */

import {
  contentField,
  numberField,
  textField,
} from "../weights/protobuf-writer";

export interface Value {
  readonly name: string;
  readonly type: "float32" | "int32";
  readonly shape: readonly number[];
}

export interface Node {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, number>>;
}

const ELEMENT = { float32: 1, int32: 6 };
const ATTRIBUTE_INT = 2;

function valueInfo({ name, type, shape }: Value): number[] {
  const dims = shape.flatMap((size) => contentField(1, numberField(1, size)));
  const tensor = [...numberField(1, ELEMENT[type]), ...contentField(2, dims)];
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

/** A model file: opset 21 and ONNX Runtime's own operators. */
export function writeModel(
  nodes: readonly Node[],
  inputs: readonly Value[],
  outputs: readonly Value[],
): Uint8Array {
  const graph = [
    ...nodes.flatMap((node) => contentField(1, nodeProto(node))),
    ...textField(2, "graph"),
    ...inputs.flatMap((value) => contentField(11, valueInfo(value))),
    ...outputs.flatMap((value) => contentField(12, valueInfo(value))),
  ];
  const opset = (domain: string, version: number): number[] =>
    contentField(8, [...textField(1, domain), ...numberField(2, version)]);
  return Uint8Array.from([
    ...numberField(1, 10),
    ...opset("", 21),
    ...opset("com.microsoft", 1),
    ...contentField(7, graph),
  ]);
}
