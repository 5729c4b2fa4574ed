import type { OnnxNode } from "../../../onnx/onnx";
import { readSpeltNorm } from "./decoder-decomposed-norm";
import { UnsupportedGraph } from "./weight";
import type { Stored, Wiring } from "../../../onnx/wiring";

/** x / sqrt(mean(x²) + epsilon) · gamma. */
export interface Norm {
  readonly gamma: Stored;
  readonly epsilon: number;
}

/** What flows past the branches: a value, and what it is the sum of. */
export interface Stream {
  readonly id: string;
  readonly parts?: readonly [string, string];
}

export interface ReadNorm {
  readonly norm: Norm;
  readonly stream: Stream;
}

const PLAIN = ["SimplifiedLayerNormalization", "RMSNormalization"];
const SKIP = "SkipSimplifiedLayerNormalization";

/** The norm that gives `value`, and the stream that it is of. */
export async function readNorm(
  wiring: Wiring,
  value: string,
): Promise<ReadNorm> {
  const node = wiring.maker(value);
  if (node === undefined)
    throw new UnsupportedGraph(`${value} is not normalised`);
  if (PLAIN.includes(node.op)) {
    const [x = "", gamma] = node.inputs;
    const axis = node.attributes.get("axis") ?? -1;
    if (![-1, 2].includes(axis))
      throw new UnsupportedGraph(`${value}: axis ${axis}`);
    const norm = { gamma: weightOf(wiring, gamma), epsilon: epsilonOf(node) };
    return { norm, stream: streamOf(wiring, x) };
  }
  if (node.op === SKIP && node.outputs[0] === wiring.source(value)) {
    const [, , gamma, bias = ""] = node.inputs;
    if (bias !== "")
      throw new UnsupportedGraph(`${value} adds a bias before it`);
    const norm = { gamma: weightOf(wiring, gamma), epsilon: epsilonOf(node) };
    return { norm, stream: sumOf(node) };
  }
  const spelt = await readSpeltNorm(wiring, value);
  if (spelt === undefined) {
    throw new UnsupportedGraph(
      `${value} comes from ${node.op}, not from a norm`,
    );
  }
  const { x, gamma, epsilon } = spelt;
  return { norm: { gamma, epsilon }, stream: streamOf(wiring, x) };
}

/** `value` as it flows past the branches. */
export function streamOf(wiring: Wiring, value: string): Stream {
  const id = wiring.source(value);
  const node = wiring.maker(value);
  if (node?.op === SKIP && node.outputs[3] === id) return sumOf(node);
  const [a, b] = node?.inputs ?? [];
  if (node?.op !== "Add" || a === undefined || b === undefined) return { id };
  return { id, parts: [a, b] };
}

function sumOf({ inputs, outputs }: OnnxNode): Stream {
  const [a = "", b = ""] = inputs;
  const id = outputs[3] ?? "";
  return { id: id === "" ? `the sum in ${outputs[0]}` : id, parts: [a, b] };
}

function weightOf(wiring: Wiring, name: string | undefined): Stored {
  const found = wiring.stored(name);
  if (found === undefined)
    throw new UnsupportedGraph(`${name} is no weight of a norm`);
  return found;
}

const epsilonOf = ({ floats }: OnnxNode): number =>
  floats.get("epsilon") ?? 1e-5;
