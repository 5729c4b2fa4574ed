import { convolutionVariants, type Convolution } from "./convolution";
import loadCode from "./planar-convolution.wgsl?raw";
import type { KernelVariant } from "./kernel-variant";

/** A convolution of [planes, height, width] with weights
 * [kernel, kernel, planes, channels]. */
interface PlanarConvolution extends Convolution {
  readonly planes: number;
}

/** More planes are better served by a matrix product. */
const MAX_PLANES = 4;

/** All variants for a convolution. Bindings: x, w, bias, y and
 * `convolutionUniform`. */
export function planarConvolutionVariants(
  shape: PlanarConvolution,
  limits: GPUSupportedLimits,
): KernelVariant[] {
  if (shape.planes > MAX_PLANES) return [];
  const { planes } = shape;
  return convolutionVariants(
    shape,
    "planar-convolution",
    { four: loadCode },
    planes,
    limits,
  );
}
