import { convolutionVariants, type Convolution } from "./convolution";
import depthwiseCode from "./depthwise-convolution.wgsl?raw";
import type { KernelVariant } from "./kernel-variant";

/** A convolution of [height, width, channels / multiplier] with weights
 * [kernel, kernel, channels], each channel by itself. */
export interface DepthwiseConvolution extends Convolution {
  /** Output channels per input channel. */
  readonly multiplier: number;
}

/** How four output channels read their input channels. */
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

/** All variants for a convolution. Bindings: x, w, bias, y and
 * `convolutionUniform`. */
export function depthwiseConvolutionVariants(
  shape: DepthwiseConvolution,
  limits: GPUSupportedLimits,
): KernelVariant[] {
  const input = inputs[shape.multiplier];
  if (input === undefined) return [];
  const code = input + depthwiseCode;
  return convolutionVariants(shape, "depthwise", code, {}, limits);
}
