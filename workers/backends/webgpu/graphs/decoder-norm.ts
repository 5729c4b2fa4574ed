import type { OnnxNode } from "../../../onnx/onnx-protos";
import type { StoredTensor, Dataflow } from "./dataflow";
import { UnsupportedGraph } from "../../backend";

/** x / sqrt(mean(x²) + epsilon) · gamma. */
export interface RmsNorm {
  readonly gamma: StoredTensor;
  readonly epsilon: number;
}

/** A value of the residual stream, and the two summands it was added from. */
export interface ResidualStream {
  readonly id: string;
  readonly parts?: readonly [string, string];
}

interface NormMatch {
  readonly norm: RmsNorm;
  readonly stream: ResidualStream;
}

const RMS_NORM_OPS = ["SimplifiedLayerNormalization", "RMSNormalization"];
const SKIP_NORM_OP = "SkipSimplifiedLayerNormalization";

/** The norm that computes `value`, fused, with a skip input or decomposed. */
export async function readNorm(
  flow: Dataflow,
  value: string,
): Promise<NormMatch> {
  const node = flow.producer(value);
  if (node === undefined)
    throw new UnsupportedGraph(
      `${value} is a graph input or a weight, not the output of a norm`,
    );
  if (RMS_NORM_OPS.includes(node.op)) {
    const [x = "", gamma] = node.inputs;
    const axis = node.attributes.get("axis") ?? -1;
    if (![-1, 2].includes(axis))
      throw new UnsupportedGraph(
        `${node.op} ${value} normalises axis ${axis}, not the last`,
      );
    const norm = { gamma: gammaOf(flow, gamma), epsilon: epsilonOf(node) };
    return { norm, stream: streamOf(flow, x) };
  }
  if (node.op === SKIP_NORM_OP && node.outputs[0] === flow.source(value)) {
    const [, , gamma, bias = ""] = node.inputs;
    if (bias !== "")
      throw new UnsupportedGraph(
        `${node.op} ${value} has a bias, which is not supported`,
      );
    const norm = { gamma: gammaOf(flow, gamma), epsilon: epsilonOf(node) };
    return { norm, stream: sumOf(node) };
  }
  const decomposed = await matchDecomposedNorm(flow, value);
  if (decomposed === undefined) {
    throw new UnsupportedGraph(
      `${value} is computed by ${node.op}, not by a known RMS norm`,
    );
  }
  const { x, gamma, epsilon } = decomposed;
  return { norm: { gamma, epsilon }, stream: streamOf(flow, x) };
}

/** `value` as a point of the residual stream. */
export function streamOf(flow: Dataflow, value: string): ResidualStream {
  const id = flow.source(value);
  const node = flow.producer(value);
  if (node?.op === SKIP_NORM_OP && node.outputs[3] === id) return sumOf(node);
  const [a, b] = node?.inputs ?? [];
  if (node?.op !== "Add" || a === undefined || b === undefined) return { id };
  return { id, parts: [a, b] };
}

function sumOf({ inputs, outputs }: OnnxNode): ResidualStream {
  const [a = "", b = ""] = inputs;
  const id = outputs[3] ?? "";
  return { id: id === "" ? `the sum in ${outputs[0]}` : id, parts: [a, b] };
}

function gammaOf(flow: Dataflow, name: string | undefined): StoredTensor {
  const found = flow.storedTensor(name);
  if (found === undefined)
    throw new UnsupportedGraph(`norm weight ${name} is not stored in the file`);
  return found;
}

/** Without an epsilon, ONNX Runtime uses 1e-12 for the norm with a skip input. */
const epsilonOf = ({ op, floats }: OnnxNode): number =>
  floats.get("epsilon") ?? (op === SKIP_NORM_OP ? 1e-12 : 1e-5);

interface DecomposedNorm {
  readonly x: string;
  readonly gamma: StoredTensor;
  readonly epsilon: number;
}

/** Matches gamma · x / sqrt(mean(x²) + epsilon) built of primitive operators. */
async function matchDecomposedNorm(
  flow: Dataflow,
  value: string,
): Promise<DecomposedNorm | undefined> {
  const scaled = flow.producer(value);
  if (scaled?.op !== "Mul") return undefined;
  for (const [name = "", other = ""] of bothOrders(scaled)) {
    const gamma = flow.storedTensor(name);
    const quotient = flow.producer(other);
    if (gamma === undefined || quotient === undefined) continue;
    const ways =
      quotient.op === "Div" ? [quotient.inputs] : bothOrders(quotient);
    for (const [x = "", divisor = ""] of ways) {
      const epsilon = await matchRootMeanSquare(flow, quotient.op, divisor, x);
      if (epsilon !== undefined) return { x, gamma, epsilon };
    }
  }
  return undefined;
}

/** Epsilon, if x is divided by its root mean square. */
async function matchRootMeanSquare(
  flow: Dataflow,
  op: string,
  divisor: string,
  x: string,
): Promise<number | undefined> {
  const squared = await radicandOf(flow, divisor, op === "Mul");
  if (squared === undefined || !["Mul", "Div"].includes(op)) return undefined;
  const sum = flow.producer(squared);
  if (sum?.op !== "Add") return undefined;
  for (const [mean = "", small = ""] of bothOrders(sum)) {
    const epsilon = await flow.scalar(small);
    if (epsilon === undefined) continue;
    if (await isMeanSquare(flow, mean, x)) return epsilon;
  }
  return undefined;
}

/** m where `value` is sqrt(m), or 1 / sqrt(m) if `inverse`. */
async function radicandOf(
  flow: Dataflow,
  value: string,
  inverse: boolean,
): Promise<string | undefined> {
  const node = flow.producer(value);
  const [first, second] = node?.inputs ?? [];
  if (!inverse) return node?.op === "Sqrt" ? first : undefined;
  if (node?.op === "Pow") {
    return (await flow.scalar(second)) === -0.5 ? first : undefined;
  }
  const isOver =
    node?.op === "Div" && (await flow.scalar(first)) === 1 ? second : undefined;
  const root = node?.op === "Reciprocal" ? first : isOver;
  return root === undefined ? undefined : radicandOf(flow, root, false);
}

async function isMeanSquare(
  flow: Dataflow,
  value: string,
  x: string,
): Promise<boolean> {
  const mean = flow.producer(value);
  if (mean?.op !== "ReduceMean") return false;
  const [axis] = mean.lists.get("axes") ?? [await flow.scalar(mean.inputs[1])];
  if (![-1, 2].includes(axis ?? 0)) return false;
  const square = flow.producer(mean.inputs[0]);
  const [a = "", b = ""] = square?.inputs ?? [];
  if (flow.source(a) !== flow.source(x)) return false;
  if (square?.op === "Pow") return (await flow.scalar(b)) === 2;
  return square?.op === "Mul" && flow.source(b) === flow.source(x);
}

/** The two inputs in both orders. */
function bothOrders({ inputs }: OnnxNode): (readonly string[])[] {
  return [inputs, [...inputs].reverse()];
}
