import { convolutionVariants, type Convolution } from "./convolution";
import planesCode from "./planes.wgsl?raw";
import type { Variant } from "./variant";

/** Of [planes, height, width] by [kernel, kernel, planes, channels]. */
export interface PlanesConvolution extends Convolution {
  readonly planes: number;
}

/** Above this the planes are channels, and another kernel's. */
const MAX_PLANES = 4;

/**
 * Every way that suits, to be tried on the adapter. Buffers: x, w, bias, y and
 * `convolutionSize`.
 */
export function planesVariants(
  of: PlanesConvolution,
  limits: GPUSupportedLimits,
): Variant[] {
  if (of.planes > MAX_PLANES) return [];
  const constants = { PLANES: of.planes };
  return convolutionVariants(of, "planes", planesCode, constants, limits);
}
