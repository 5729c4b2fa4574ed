import { openWeightFiles } from "../../../onnx/external-data";
import type { OnnxGraph } from "../../../onnx/onnx-reader";
import type { OnnxNode } from "../../../onnx/onnx-protos";
import { decodeTensor } from "./graph-tensor";
import { readSource, sourceOf, type ByteSource } from "./weight";

/** A weight of a published graph and where its bytes are. */
export interface StoredTensor {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  readonly source: ByteSource;
}

export const elementCount = ({ dims }: Pick<StoredTensor, "dims">): number =>
  dims.reduce((a, b) => a * b, 1);

/** TensorProto.DataType of float32 and float16. */
const FLOAT_TYPES = [1, 10];

/** Follows the values of a graph from its outputs back to its inputs. */
export class Dataflow {
  readonly inputs: ReadonlySet<string>;
  readonly #graph: OnnxGraph;
  readonly #files: ReadonlyMap<string, Blob>;
  readonly #producers = new Map<string, OnnxNode>();

  constructor(graph: OnnxGraph, external: ReadonlyMap<string, Blob>) {
    this.#graph = graph;
    this.#files = openWeightFiles(graph, external);
    this.inputs = new Set(graph.inputs.map(({ name }) => name));
    for (const node of graph.nodes) {
      for (const output of node.outputs) this.#producers.set(output, node);
    }
    // The name of an omitted optional output.
    this.#producers.delete("");
  }

  /** The value before float casts, reshapes and identities, which keep the order
   * of the elements. */
  source(value: string): string {
    const visited = new Set<string>();
    for (let at = value; ;) {
      const node = this.#producers.get(at);
      const [input] = node?.inputs ?? [];
      if (node === undefined || input === undefined || !preservesValues(node))
        return at;
      // A cycle, which only a malformed graph has.
      if (visited.has(at)) return at;
      visited.add(at);
      at = input;
    }
  }

  /** The node that computes `value`; undefined for inputs and weights. */
  producer(value: string | undefined): OnnxNode | undefined {
    return value === undefined
      ? undefined
      : this.#producers.get(this.source(value));
  }

  /** The weight that `value` is; undefined if it is none. */
  storedTensor(value: string | undefined): StoredTensor | undefined {
    if (value === undefined) return undefined;
    const found = this.#graph.initializers.get(this.source(value));
    if (found === undefined) return undefined;
    const { name, type, dims, data, numbers } = found;
    if (data === undefined) {
      const bytes = numbers && byteTensor(type, numbers);
      return bytes && { name, type, dims, source: bytes };
    }
    const source = sourceOf(this.#graph, this.#files, data);
    return { name, type, dims, source };
  }

  /** The value of a scalar constant; undefined if `value` is none. */
  async scalar(value: string | undefined): Promise<number | undefined> {
    if (value === undefined) return undefined;
    const constant = this.producer(value);
    if (constant?.op === "Constant") {
      const { value: tensor, floats, attributes } = constant;
      const [number] = tensor === undefined ? [] : decodeTensor(tensor);
      return number ?? floats.get("value_float") ?? attributes.get("value_int");
    }
    const name = this.source(value);
    const found = this.#graph.initializers.get(name);
    if (found === undefined || elementCount(found) !== 1) return undefined;
    const { type, dims, numbers } = found;
    const piece = this.storedTensor(name)?.source;
    const bytes = piece && (await readSource(piece, 0, piece.length));
    const read = { ...(bytes && { bytes }), ...(numbers && { numbers }) };
    return decodeTensor({ type, dims, ...read })[0];
  }

  /** Whether `value` depends on no graph inputs but `inputs`, apart from shapes. */
  dependsOnlyOn(value: string, inputs: readonly string[]): boolean {
    const seen = new Set<string>();
    const rest = [value];
    for (let at = rest.pop(); at !== undefined; at = rest.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      if (this.inputs.has(at) && !inputs.includes(at)) return false;
      const node = this.#producers.get(at);
      if (node !== undefined && node.op !== "Shape") rest.push(...node.inputs);
    }
    return true;
  }
}

/** Numbers of 8 bits, which files may store as varints. */
function byteTensor(
  type: string,
  numbers: readonly number[],
): ByteSource | undefined {
  if (type !== "int8" && type !== "uint8") return undefined;
  const bytes = Uint8Array.from(numbers);
  const read = (at: number, length: number) =>
    Promise.resolve(bytes.slice(at, at + length));
  return { length: bytes.length, read };
}

function preservesValues({ op, domain, attributes }: OnnxNode): boolean {
  if (domain !== "") return false;
  const cast =
    op === "Cast" && FLOAT_TYPES.includes(attributes.get("to") ?? NaN);
  return op === "Identity" || op === "Reshape" || cast;
}
