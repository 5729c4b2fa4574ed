/** Scalar functions, and the recognition of a function by its values. */
import type { ActivationName, ScalarFunction } from "./vision-layers";

export const sigmoid: ScalarFunction = (x) => 1 / (1 + Math.exp(-x));

/** 2/√π e^-x² Σ 2^n x^(2n+1) / (2n+1)!!, a series without negative terms. */
export const erf: ScalarFunction = (x) => {
  const t = Math.abs(x);
  if (t > 6) return Math.sign(x);
  let [sum, term] = [t, t];
  for (let n = 1; term > sum * 1e-17; n++) {
    term *= (2 * t * t) / (2 * n + 1);
    sum += term;
  }
  return Math.sign(x) * sum * Math.exp(-t * t) * (2 / Math.sqrt(Math.PI));
};

export const gelu: ScalarFunction = (x) => (x / 2) * (1 + erf(x / Math.SQRT2));

export const tanhGelu: ScalarFunction = (x) =>
  x * sigmoid(Math.sqrt(8 / Math.PI) * (x + 0.044715 * x ** 3));

export const relu: ScalarFunction = (x) => Math.max(0, x);

const KNOWN: Readonly<Record<ActivationName, ScalarFunction>> = {
  Gelu: gelu,
  TanhGelu: tanhGelu,
  Relu: relu,
  Sigmoid: sigmoid,
  Silu: (x) => x * sigmoid(x),
};

const SAMPLES = Array.from({ length: 65 }, (_, i) => (i - 32) / 4);

/** float16 rounds constants such as √½ by as much. */
const TOLERANCE = 1e-3;

/** Largest error at the samples, relative where values exceed 1. */
function distance(a: ScalarFunction, b: ScalarFunction): number {
  const errors = SAMPLES.map((x) => {
    const [p, q] = [a(x), b(x)];
    const error = Math.abs(p - q) / Math.max(1, Math.abs(q));
    return Number.isNaN(error) ? Infinity : error;
  });
  return Math.max(...errors);
}

/** The activation that `apply` computes, however it is composed. */
export function recogniseActivation(
  apply: ScalarFunction,
): ActivationName | undefined {
  const errors = Object.entries(KNOWN).map(
    ([name, known]) =>
      [distance(apply, known), name as ActivationName] as const,
  );
  const [closest] = errors.sort(([a], [b]) => a - b);
  if (closest === undefined) return undefined;
  const [error, name] = closest;
  return error <= TOLERANCE ? name : undefined;
}

/** Scale and shift, if `apply` is scale · x + shift. */
export function affineOf(
  apply: ScalarFunction,
): { readonly scale: number; readonly shift: number } | undefined {
  const shift = apply(0);
  const scale = apply(1) - shift;
  const error = distance(apply, (x) => x * scale + shift);
  return error < 1e-6 ? { scale, shift } : undefined;
}

/** Epsilon, if `apply` is √(x + epsilon). */
export function sqrtEpsilon(apply: ScalarFunction): number | undefined {
  const epsilon = apply(0) ** 2;
  const points = [0.01, 1, 2, 50];
  const right = points.every((x) => {
    const wanted = Math.sqrt(x + epsilon);
    return Math.abs(apply(x) - wanted) < wanted * 1e-3;
  });
  return right ? epsilon : undefined;
}

export const isSquare = (apply: ScalarFunction): boolean =>
  [-3, 0.5, 2].every((x) => Math.abs(apply(x) - x * x) < 1e-6);
