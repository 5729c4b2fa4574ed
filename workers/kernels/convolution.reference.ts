import type { Convolution } from "./convolution";
import { activationReference } from "./matmul.reference";

interface ConvolutionData {
  readonly x: Float32Array;
  readonly w: Float32Array;
  readonly bias: Float32Array;
}

/** Channel `c` of the input and of the weights at a place of each. */
export interface Layout {
  /** Inputs that each result sums. */
  readonly inputs: number;
  x(row: number, column: number, input: number, c: number): number;
  w(i: number, j: number, input: number, c: number): number;
}

/** A convolution by its formula, in any layout. */
export function convolutionReference(
  of: Convolution,
  { x, w, bias }: ConvolutionData,
  layout: Layout,
): Float32Array {
  const { outWidth, outHeight, channels, kernel, stride } = of;
  const y = new Float32Array(outWidth * outHeight * channels);
  const sumAt = (outY: number, outX: number, c: number): number => {
    let sum = of.bias ? (bias[c] ?? NaN) : 0;
    for (let i = 0; i < kernel; i++) {
      for (let j = 0; j < kernel; j++) {
        const row = outY * stride + i - of.top;
        const column = outX * stride + j - of.left;
        if (row < 0 || row >= of.height) continue;
        if (column < 0 || column >= of.width) continue;
        for (let input = 0; input < layout.inputs; input++) {
          const value = x[layout.x(row, column, input, c)] ?? NaN;
          sum += value * (w[layout.w(i, j, input, c)] ?? NaN);
        }
      }
    }
    return sum;
  };
  for (let outY = 0; outY < outHeight; outY++) {
    for (let outX = 0; outX < outWidth; outX++) {
      for (let c = 0; c < channels; c++) {
        const sum = sumAt(outY, outX, c);
        const at = (outY * outWidth + outX) * channels + c;
        y[at] = activationReference(of.activation, sum);
      }
    }
  }
  return y;
}
