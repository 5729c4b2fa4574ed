import { writeGraph, writeModelHead, type NodeSpec } from "../onnx/onnx-writer";
import { dataTypeNumber, type ValueInfo } from "../onnx/onnx-protos";
import {
  contentField,
  contentHeader,
  numberField,
  textField,
} from "../onnx/protobuf";

/** A weight with its contents; several may share one Blob. */
export interface Weight {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: Blob;
  /** Name of the external file; absent: inside the graph. */
  readonly location?: string;
  readonly offset?: number;
}

export interface OnnxFile {
  readonly nodes: readonly NodeSpec[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly weights: readonly Weight[];
}

export function node(
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, number>> = {},
  domain = "",
): NodeSpec {
  return { op, domain, inputs, outputs: [output], attributes };
}

/** An ONNX file with its weights; external ones are only referenced. */
export function onnxFile(file: OnnxFile): Blob {
  const { nodes, inputs, outputs, weights } = file;
  const parts: BlobPart[] = [];
  for (const { name, type, dims, data, location, offset = 0 } of weights) {
    const info = [
      ...dims.flatMap((size) => numberField(1, size)),
      ...numberField(2, dataTypeNumber(type)),
      ...textField(8, name),
    ];
    if (location === undefined) {
      const head = [...info, ...contentHeader(9, data.size)];
      const length = head.length + data.size;
      parts.push(Uint8Array.from([...contentHeader(5, length), ...head]), data);
    } else {
      const entry = (key: string, value: string | number) =>
        contentField(13, [...textField(1, key), ...textField(2, `${value}`)]);
      const places = [
        ...entry("location", location),
        ...entry("offset", offset),
        ...entry("length", data.size),
        ...numberField(14, 1),
      ];
      parts.push(Uint8Array.from(contentField(5, [...info, ...places])));
    }
  }
  parts.push(Uint8Array.from(writeGraph(nodes, inputs, outputs)));
  const graph = new Blob(parts);
  return new Blob([Uint8Array.from(writeModelHead(graph.size)), graph]);
}
