import type { AttributeValue, NodeSpec } from "../onnx/onnx-writer";
import type { ValueInfo } from "../onnx/onnx-protos";
import { seededRandom } from "../kernels/testing/random";
import { onnxFile, type OnnxFile, type Weight } from "./onnx-file";

type Attributes = Readonly<Record<string, AttributeValue>>;

/** A tensor of floats, as an input or output. */
export function value(
  name: string,
  shape: readonly (string | number)[],
): ValueInfo {
  return { name, type: "float32", shape };
}

/** Collects operators and weights. Random weights are the same for every graph. */
export class GraphBuilder {
  readonly nodes: NodeSpec[] = [];
  readonly weights: Weight[] = [];
  readonly #random = seededRandom(1);

  model(inputs: readonly ValueInfo[], outputs: readonly ValueInfo[]): OnnxFile {
    const { nodes, weights } = this;
    return { nodes, inputs, outputs, weights };
  }

  write(inputs: readonly ValueInfo[], outputs: readonly ValueInfo[]): Blob {
    return onnxFile(this.model(inputs, outputs));
  }

  op(
    op: string,
    inputs: readonly string[],
    attributes: Attributes = {},
    domain = "",
    outputs: readonly string[] = [`${op} ${this.nodes.length}`],
  ): string {
    this.nodes.push({ op, domain, inputs, outputs, attributes });
    return outputs[0] ?? "";
  }

  random(
    name: string,
    dims: readonly number[],
    scale: number | ((index: number) => number),
    middle = 0,
  ): string {
    const length = dims.reduce((a, b) => a * b, 1);
    const scaleOf = typeof scale === "number" ? () => scale : scale;
    let i = 0;
    const draw = () => (this.#random() * 2 - 1) * scaleOf(i++) + middle;
    const data = inChunks(length, (count) => new Float32Array(count).map(draw));
    return this.#weight(name, "float32", dims, data);
  }

  bytes(name: string, dims: readonly number[]): string {
    const length = dims.reduce((a, b) => a * b, 1);
    return this.#weight(name, "uint8", dims, this.#randomBytes(length));
  }

  /** Half-precision floats between -2 and 2, most of them small. */
  halves(name: string, dims: readonly number[]): string {
    const length = dims.reduce((a, b) => a * b, 1);
    const draw = () => (this.#random() * 2 ** 16) & 0xbfff;
    const data = inChunks(length, (count) => new Uint16Array(count).map(draw));
    return this.#weight(name, "float16", dims, data);
  }

  /** Numbers of 4 bits, two in a byte. */
  fours(name: string, type: "int4" | "uint4", dims: readonly number[]): string {
    const length = dims.reduce((a, b) => a * b, 1) / 2;
    return this.#weight(name, type, dims, this.#randomBytes(length));
  }

  floats(
    name: string,
    dims: readonly number[],
    values: readonly number[],
  ): string {
    const data = new Blob([Float32Array.from(values)]);
    return this.#weight(name, "float32", dims, data);
  }

  integers(
    name: string,
    dims: readonly number[],
    values: readonly number[],
  ): string {
    const data = new Blob([BigInt64Array.from(values, BigInt)]);
    return this.#weight(name, "int64", dims, data);
  }

  #randomBytes(length: number): Blob {
    const draw = () => this.#random() * 256;
    return inChunks(length, (count) => new Uint8Array(count).map(draw));
  }

  #weight(
    name: string,
    type: string,
    dims: readonly number[],
    data: Blob,
  ): string {
    if (!this.weights.some((weight) => weight.name === name)) {
      this.weights.push({ name, type, dims, data });
    }
    return name;
  }
}

/** Numbers of a weight that are in memory at once. */
const CHUNK = 2 ** 22;

/** `length` numbers, of which `draw` makes some at a time. */
function inChunks(
  length: number,
  draw: (count: number) => ArrayBufferView<ArrayBuffer>,
): Blob {
  const parts: Blob[] = [];
  for (let at = 0; at < length; at += CHUNK) {
    parts.push(new Blob([draw(Math.min(CHUNK, length - at))]));
  }
  return new Blob(parts);
}

/** Declares the float32 weights as float16, except those whose names match
 * `whole`. Their contents are meaningless. */
export function withFloat16<T extends GraphBuilder>(
  graph: T,
  whole: RegExp,
): T {
  for (const [i, weight] of graph.weights.entries()) {
    if (weight.type !== "float32" || whole.test(weight.name)) continue;
    const data = weight.data.slice(0, weight.data.size / 2);
    graph.weights[i] = { ...weight, type: "float16", data };
  }
  return graph;
}
