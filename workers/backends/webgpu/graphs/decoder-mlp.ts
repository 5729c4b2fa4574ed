import type { OnnxNode } from "../../../onnx/onnx";
import { readLinear, type Linear } from "./decoder-linear";
import { UnsupportedGraph } from "./weight";
import type { Wiring } from "../../../onnx/wiring";

/** down(silu(gate x) · up x), or down(silu(gate x)). */
export interface Mlp {
  readonly gate: Linear;
  readonly up?: Linear;
  readonly down: Linear;
}

export function readMlp(
  wiring: Wiring,
  value: string,
): Mlp & { readonly input: string } {
  const { input, linear: down } = readLinear(wiring, value);
  const alone = siluOf(wiring, input);
  if (alone !== undefined) {
    const gate = readLinear(wiring, alone);
    return { gate: gate.linear, down, input: gate.input };
  }
  const node = wiring.maker(input);
  const [a = "", b = ""] = node?.op === "Mul" ? node.inputs : [];
  const [left, right] = [siluOf(wiring, a), siluOf(wiring, b)];
  const gated = left ?? right;
  if (gated === undefined) {
    throw new UnsupportedGraph(
      `${input} comes from ${node?.op}, not from a SiLU gate`,
    );
  }
  const gate = readLinear(wiring, gated);
  const up = readLinear(wiring, left === undefined ? a : b);
  if (wiring.source(gate.input) !== wiring.source(up.input)) {
    throw new UnsupportedGraph(
      `gate and up of ${input} are not of the same value`,
    );
  }
  return { gate: gate.linear, up: up.linear, down, input: gate.input };
}

/** x where `value` is x · sigmoid(x). */
function siluOf(wiring: Wiring, value: string): string | undefined {
  const node = wiring.maker(value);
  if (node === undefined) return undefined;
  const [a = "", b = ""] = node.inputs;
  if (isSwish(node)) return a;
  if (node.op !== "Mul") return undefined;
  const isSigmoidOf = (gate: string, x: string): boolean => {
    const sigmoid = wiring.maker(gate);
    const [of = ""] = sigmoid?.inputs ?? [];
    return sigmoid?.op === "Sigmoid" && wiring.source(of) === wiring.source(x);
  };
  if (isSigmoidOf(b, a)) return a;
  return isSigmoidOf(a, b) ? b : undefined;
}

/** x · sigmoid(alpha x), whose alpha differs by default. */
function isSwish({ op, floats }: OnnxNode): boolean {
  if (op === "QuickGelu") return floats.get("alpha") === 1;
  return op === "Swish" && (floats.get("alpha") ?? 1) === 1;
}
