import { convolutionVariants, type Convolution } from "./convolution";
import loadCode from "./depthwise-convolution.wgsl?raw";
import type { KernelVariant } from "./kernel-variant";

/** A convolution of [height, width, channels / multiplier] with weights
 * [kernel, kernel, channels], each channel by itself. */
interface DepthwiseConvolution extends Convolution {
  /** Output channels per input channel. */
  readonly multiplier: number;
}

/** How four output channels read their input channels. */
const CHANNELS: Readonly<Record<number, string>> = {
  1: `alias Channels = vec4<Stored>;
fn spread(v: Channels) -> vec4f { return vec4f(v); }
`,
  2: `alias Channels = vec2<Stored>;
fn spread(v: Channels) -> vec4f { return vec4f(v.xxyy); }
`,
  4: `alias Channels = Stored;
fn spread(v: Channels) -> vec4f { return vec4f(f32(v)); }
`,
};

const ONE_CHANNEL = `alias Channels = Stored;
fn spread(v: Channels) -> f32 { return f32(v); }
`;

/** All variants for a convolution. Bindings: x, w, bias, y and
 * `convolutionUniform`. */
export function depthwiseConvolutionVariants(
  shape: DepthwiseConvolution,
  limits: GPUSupportedLimits,
): KernelVariant[] {
  const channels = CHANNELS[shape.multiplier];
  if (channels === undefined) return [];
  const code = {
    four: channels + loadCode,
    ...(shape.multiplier === 1 && { one: ONE_CHANNEL + loadCode }),
  };
  return convolutionVariants(shape, "depthwise", code, 1, limits);
}
