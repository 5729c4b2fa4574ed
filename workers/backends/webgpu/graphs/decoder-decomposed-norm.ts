import type { OnnxNode } from "../../../onnx/onnx";
import type { Stored, Wiring } from "../../../onnx/wiring";

export interface SpeltNorm {
  readonly x: string;
  readonly gamma: Stored;
  readonly epsilon: number;
}

/** gamma · x / sqrt(mean(x²) + epsilon), if `value` is that in operators. */
export async function readSpeltNorm(
  wiring: Wiring,
  value: string,
): Promise<SpeltNorm | undefined> {
  const scaled = wiring.maker(value);
  if (scaled?.op !== "Mul") return undefined;
  for (const [name = "", other = ""] of bothWays(scaled)) {
    const gamma = wiring.stored(name);
    const quotient = wiring.maker(other);
    if (gamma === undefined || quotient === undefined) continue;
    const ways = quotient.op === "Div" ? [quotient.inputs] : bothWays(quotient);
    for (const [x = "", by = ""] of ways) {
      const epsilon = await readRoot(wiring, quotient.op, by, x);
      if (epsilon !== undefined) return { x, gamma, epsilon };
    }
  }
  return undefined;
}

/** Epsilon, where x is divided by its root mean square. */
async function readRoot(
  wiring: Wiring,
  op: string,
  by: string,
  x: string,
): Promise<number | undefined> {
  const squared = await underRoot(wiring, by, op === "Mul");
  if (squared === undefined || !["Mul", "Div"].includes(op)) return undefined;
  const sum = wiring.maker(squared);
  if (sum?.op !== "Add") return undefined;
  for (const [mean = "", small = ""] of bothWays(sum)) {
    const epsilon = await wiring.number(small);
    if (epsilon === undefined) continue;
    if (await isMeanSquare(wiring, mean, x)) return epsilon;
  }
  return undefined;
}

/** m where `value` is sqrt(m), or 1 / sqrt(m) if `inverse`. */
async function underRoot(
  wiring: Wiring,
  value: string,
  inverse: boolean,
): Promise<string | undefined> {
  const node = wiring.maker(value);
  const [first, second] = node?.inputs ?? [];
  if (!inverse) return node?.op === "Sqrt" ? first : undefined;
  if (node?.op === "Pow") {
    return (await wiring.number(second)) === -0.5 ? first : undefined;
  }
  const isOver =
    node?.op === "Div" && (await wiring.number(first)) === 1
      ? second
      : undefined;
  const root = node?.op === "Reciprocal" ? first : isOver;
  return root === undefined ? undefined : underRoot(wiring, root, false);
}

async function isMeanSquare(
  wiring: Wiring,
  value: string,
  x: string,
): Promise<boolean> {
  const mean = wiring.maker(value);
  if (mean?.op !== "ReduceMean") return false;
  const [axis] = mean.lists.get("axes") ?? [
    await wiring.number(mean.inputs[1]),
  ];
  if (![-1, 2].includes(axis ?? 0)) return false;
  const square = wiring.maker(mean.inputs[0]);
  const [a = "", b = ""] = square?.inputs ?? [];
  if (wiring.source(a) !== wiring.source(x)) return false;
  if (square?.op === "Pow") return (await wiring.number(b)) === 2;
  return square?.op === "Mul" && wiring.source(b) === wiring.source(x);
}

/** Its two inputs, and once more the other way round. */
function bothWays({ inputs }: OnnxNode): (readonly string[])[] {
  return [inputs, [...inputs].reverse()];
}
