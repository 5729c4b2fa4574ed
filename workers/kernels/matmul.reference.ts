import type { Activation } from "./epilogue";
import type { MatMulShape } from "./matmul";

interface MatMulData {
  readonly x: Float32Array;
  readonly w: Float32Array;
  readonly bias: Float32Array;
  readonly skip: Float32Array;
}

/** The product of matmul.wgsl, by its formula. */
export function matMulReference(
  { rows, inner, columns, bias, activation, skip }: MatMulShape,
  data: MatMulData,
): Float32Array {
  const y = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = bias ? (data.bias[column] ?? NaN) : 0;
      for (let k = 0; k < inner; k++) {
        const left = data.x[row * inner + k] ?? NaN;
        sum += left * (data.w[k * columns + column] ?? NaN);
      }
      const at = row * columns + column;
      const added = skip ? (data.skip[at] ?? NaN) : 0;
      y[at] = activationReference(activation, sum) + added;
    }
  }
  return y;
}

export function activationReference(kind: Activation, x: number): number {
  switch (kind) {
    case "none":
      return x;
    case "relu":
      return Math.max(x, 0);
    case "sigmoid":
      return 1 / (1 + Math.exp(-x));
    case "gelu":
      return (x / 2) * (1 + erf(x / Math.SQRT2));
  }
}

/** By its series, which converges everywhere. */
function erf(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 120; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}
