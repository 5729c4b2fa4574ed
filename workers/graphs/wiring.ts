import type { OnnxGraph, OnnxNode } from "../weights/onnx";
import { baseName, weightFiles } from "../weights/weight-files";
import type { Piece } from "./weight";

/** A tensor of a published graph, where it lies. */
export interface Stored {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  readonly piece: Piece;
}

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
    const { file } = this.#graph;
    const blob = this.#files.get(data.location ?? baseName(file));
    if (blob === undefined) return undefined;
    return { name, type, dims, piece: { file, blob, offset, length } };
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
