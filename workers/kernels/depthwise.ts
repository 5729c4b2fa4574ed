import { convolutionVariants, type Convolution } from "./convolution";
import depthwiseCode from "./depthwise.wgsl?raw";
import type { Variant } from "./variant";

/** Of [height, width, channels / multiplier] by [kernel, kernel, channels]. */
export interface Depthwise extends Convolution {
  /** Results of each channel, beside one another. */
  readonly multiplier: number;
}

/** Four channels of the result, of the input's that they come from. */
const inputs: Readonly<Record<number, string>> = {
  1: `alias Input = vec4<Stored>;
fn spread(v: Input) -> vec4f { return vec4f(v); }
`,
  2: `alias Input = vec2<Stored>;
fn spread(v: Input) -> vec4f { return vec4f(v.xxyy); }
`,
  4: `alias Input = Stored;
fn spread(v: Input) -> vec4f { return vec4f(f32(v)); }
`,
};

/**
 * Every way that suits, to be tried on the adapter. Buffers: x, w, bias, y and
 * `convolutionSize`.
 */
export function depthwiseVariants(
  of: Depthwise,
  limits: GPUSupportedLimits,
): Variant[] {
  const input = inputs[of.multiplier];
  if (input === undefined) return [];
  const code = input + depthwiseCode;
  return convolutionVariants(of, "depthwise", code, {}, limits);
}
