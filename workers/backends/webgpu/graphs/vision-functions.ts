/** Functions of one number, and how one is known by its values. */
import type { Activation, Unary } from "./vision-layers";

export const sigmoid: Unary = (x) => 1 / (1 + Math.exp(-x));

/** 2/√π e^-x² Σ 2^n x^(2n+1) / (2n+1)!!: no term is negative. */
export const erf: Unary = (x) => {
  const t = Math.abs(x);
  if (t > 6) return Math.sign(x);
  let [sum, term] = [t, t];
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * t * t) / (2 * n + 1);
    sum += term;
  }
  return Math.sign(x) * sum * Math.exp(-t * t) * (2 / Math.sqrt(Math.PI));
};

export const gelu: Unary = (x) => (x / 2) * (1 + erf(x / Math.SQRT2));

export const tanhGelu: Unary = (x) =>
  x * sigmoid(Math.sqrt(8 / Math.PI) * (x + 0.044715 * x ** 3));

export const relu: Unary = (x) => Math.max(0, x);

const KNOWN: Readonly<Record<Activation, Unary>> = {
  Gelu: gelu,
  TanhGelu: tanhGelu,
  Relu: relu,
  Sigmoid: sigmoid,
  Silu: (x) => x * sigmoid(x),
};

const SAMPLES = Array.from({ length: 65 }, (_, i) => (i - 32) / 4);

/** Halves round constants such as √½ by as much. */
const TOLERANCE = 1e-3;

/** Largest difference, for large values in proportion. */
function distance(a: Unary, b: Unary): number {
  const errors = SAMPLES.map((x) => {
    const [p, q] = [a(x), b(x)];
    const error = Math.abs(p - q) / Math.max(1, Math.abs(q));
    return Number.isNaN(error) ? Infinity : error;
  });
  return Math.max(...errors);
}

/** The activation that `apply` is, however it is spelled. */
export function activationOf(apply: Unary): Activation | undefined {
  const errors = Object.entries(KNOWN).map(
    ([name, known]) => [distance(apply, known), name as Activation] as const,
  );
  const [closest] = errors.sort(([a], [b]) => a - b);
  if (closest === undefined) return undefined;
  const [error, name] = closest;
  return error <= TOLERANCE ? name : undefined;
}

/** scale · x + shift, if `apply` is that. */
export function lineOf(
  apply: Unary,
): { readonly scale: number; readonly shift: number } | undefined {
  const shift = apply(0);
  const scale = apply(1) - shift;
  const error = distance(apply, (x) => x * scale + shift);
  return error < 1e-6 ? { scale, shift } : undefined;
}

/** `epsilon` of √(x + epsilon), if `apply` is that. */
export function rootOf(apply: Unary): number | undefined {
  const epsilon = apply(0) ** 2;
  const points = [0.01, 1, 2, 50];
  const right = points.every((x) => {
    const wanted = Math.sqrt(x + epsilon);
    return Math.abs(apply(x) - wanted) < wanted * 1e-3;
  });
  return right ? epsilon : undefined;
}

export const isSquare = (apply: Unary): boolean =>
  [-3, 0.5, 2].every((x) => Math.abs(apply(x) - x * x) < 1e-6);
