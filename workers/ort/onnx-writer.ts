/**
 * Just enough of the ONNX protobuf to write a graph of operators with fixed
 * shapes: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. Field
 * numbers are that file's.
 */

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

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) {
    bytes.push((value % 128) | 128);
  }
  return [...bytes, value];
}

const number = (field: number, value: number): number[] => [
  ...varint(field * 8),
  ...varint(value),
];

const bytes = (field: number, content: readonly number[]): number[] => [
  ...varint(field * 8 + 2),
  ...varint(content.length),
  ...content,
];

const text = (field: number, content: string): number[] =>
  bytes(field, [...new TextEncoder().encode(content)]);

function valueInfo({ name, type, shape }: Value): number[] {
  const dims = shape.flatMap((size) => bytes(1, number(1, size)));
  const tensor = [...number(1, ELEMENT[type]), ...bytes(2, dims)];
  return [...text(1, name), ...bytes(2, bytes(1, tensor))];
}

function nodeProto(node: Node): number[] {
  const attributes = Object.entries(node.attributes).flatMap(([name, value]) =>
    bytes(5, [
      ...text(1, name),
      ...number(3, value),
      ...number(20, ATTRIBUTE_INT),
    ]),
  );
  return [
    ...node.inputs.flatMap((name) => text(1, name)),
    ...node.outputs.flatMap((name) => text(2, name)),
    ...text(4, node.op),
    ...attributes,
    ...text(7, node.domain),
  ];
}

/** A model file: opset 21 and ONNX Runtime's own operators. */
export function writeModel(
  nodes: readonly Node[],
  inputs: readonly Value[],
  outputs: readonly Value[],
): Uint8Array {
  const graph = [
    ...nodes.flatMap((node) => bytes(1, nodeProto(node))),
    ...text(2, "graph"),
    ...inputs.flatMap((value) => bytes(11, valueInfo(value))),
    ...outputs.flatMap((value) => bytes(12, valueInfo(value))),
  ];
  const opset = (domain: string, version: number): number[] =>
    bytes(8, [...text(1, domain), ...number(2, version)]);
  return Uint8Array.from([
    ...number(1, 10),
    ...opset("", 21),
    ...opset("com.microsoft", 1),
    ...bytes(7, graph),
  ]);
}
