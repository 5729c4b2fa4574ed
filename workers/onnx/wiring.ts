import type { OnnxGraph, OnnxNode } from "./onnx";
import { baseName, weightFiles } from "./weight-files";
import { decoded } from "../backends/webgpu/graphs/vision-tensor";
import { readPiece, type Piece } from "../backends/webgpu/graphs/weight";

/** A tensor of a published graph, where it lies. */
export interface Stored {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  readonly piece: Piece;
}

export const sizeOf = ({ dims }: Pick<Stored, "dims">): number =>
  dims.reduce((a, b) => a * b, 1);

/** ONNX's numbers of the types of floats. */
const FLOATS = [1, 10];

/** How the operators of a graph are joined, seen from its end. */
export class Wiring {
  readonly inputs: ReadonlySet<string>;
  readonly #graph: OnnxGraph;
  readonly #files: ReadonlyMap<string, Blob>;
  readonly #makers = new Map<string, OnnxNode>();

  constructor(graph: OnnxGraph, external: ReadonlyMap<string, Blob>) {
    this.#graph = graph;
    this.#files = weightFiles(graph, external);
    this.inputs = new Set(graph.inputs.map(({ name }) => name));
    for (const node of graph.nodes) {
      for (const output of node.outputs) this.#makers.set(output, node);
    }
    // That is how an output says that nobody wants it.
    this.#makers.delete("");
  }

  /** The value behind casts between floats and other views of it, which leave
   * every number where it is. */
  source(value: string): string {
    const passed = new Set<string>();
    for (let at = value; ;) {
      const node = this.#makers.get(at);
      const [input] = node?.inputs ?? [];
      if (node === undefined || input === undefined || !passes(node)) return at;
      // A graph that goes round in a circle has no source.
      if (passed.has(at)) return at;
      passed.add(at);
      at = input;
    }
  }

  /** What computes `value`; undefined for inputs and weights. */
  maker(value: string | undefined): OnnxNode | undefined {
    return value === undefined
      ? undefined
      : this.#makers.get(this.source(value));
  }

  /** The weight of that name, if that is what it is. */
  stored(value: string | undefined): Stored | undefined {
    const found = this.#graph.initializers.get(this.source(value ?? ""));
    if (found?.data === undefined) return undefined;
    const { name, type, dims, data } = found;
    const { offset, length } = data;
    const own = baseName(this.#graph.file);
    const place = data.location ?? own;
    const file = this.#graph.file.slice(0, -own.length) + place;
    const blob = this.#files.get(place);
    if (blob === undefined) return undefined;
    return { name, type, dims, piece: { file, blob, offset, length } };
  }

  /** The number that `value` is, if it is one that never changes. */
  async number(value: string | undefined): Promise<number | undefined> {
    const constant = this.maker(value);
    if (constant?.op === "Constant") {
      const { value: tensor, floats, attributes } = constant;
      const [number] = tensor === undefined ? [] : decoded(tensor);
      return number ?? floats.get("value_float") ?? attributes.get("value_int");
    }
    const name = this.source(value ?? "");
    const found = this.#graph.initializers.get(name);
    if (found === undefined || sizeOf(found) !== 1) return undefined;
    const { type, dims, numbers } = found;
    const piece = this.stored(name)?.piece;
    const bytes = piece && (await readPiece(piece, 0, piece.length));
    const read = { ...(bytes && { bytes }), ...(numbers && { numbers }) };
    return decoded({ type, dims, ...read })[0];
  }

  /** Whether nothing but `inputs`, weights and shapes is behind `value`. */
  comesOf(value: string, inputs: readonly string[]): boolean {
    const seen = new Set<string>();
    const rest = [value];
    for (let at = rest.pop(); at !== undefined; at = rest.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      if (this.inputs.has(at) && !inputs.includes(at)) return false;
      const node = this.#makers.get(at);
      if (node !== undefined && node.op !== "Shape") rest.push(...node.inputs);
    }
    return true;
  }
}

function passes({ op, domain, attributes }: OnnxNode): boolean {
  if (domain !== "") return false;
  const cast = op === "Cast" && FLOATS.includes(attributes.get("to") ?? 0);
  return op === "Identity" || op === "Reshape" || cast;
}
