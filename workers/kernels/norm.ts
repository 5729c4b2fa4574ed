import normCode from "./norm.wgsl?raw";
import { at } from "../util/assert";
import { unroll } from "./unroll";
import {
  storagePrelude,
  withinLimits,
  type KernelVariant,
  type StorageType,
} from "./kernel-variant";

/** LayerNorm of rows, or RMSNorm if not centered. */
export interface Norm {
  readonly rows: number;
  readonly width: number;
  readonly epsilon: number;
  readonly centered: boolean;
  /** Whether a second input is added first. */
  readonly skip: boolean;
  /** Whether the sum is an output, too. */
  readonly sums: boolean;
  readonly bias: boolean;
  readonly type: StorageType;
}

/** The uniform of norm.wgsl. */
export function normUniform(norm: Norm): Uint32Array<ArrayBuffer> {
  const { rows, width, centered, skip, bias } = norm;
  const epsilon = at(new Uint32Array(Float32Array.of(norm.epsilon).buffer), 0);
  const flags = (centered ? 1 : 0) | (skip ? 2 : 0) | (bias ? 4 : 0);
  return Uint32Array.of(rows, width / 4, flags, epsilon);
}

/** All variants for a norm. Bindings: x, skip, scale, bias, y, `normUniform` and,
 * if wanted, the sums. */
export function normVariants(
  { rows, width, sums, type }: Norm,
  limits: GPUSupportedLimits,
): KernelVariant[] {
  if (width % 4 !== 0) return [];
  const variants = [4, 64].map((WIDTH): KernelVariant => {
    const constants = { WIDTH, SUMS: sums ? 1 : 0 };
    return {
      family: "norm",
      kernel: {
        label: `norm ${WIDTH}`,
        code: storagePrelude(type) + unroll(normCode, constants),
      },
      workgroups: [Math.ceil(rows / WIDTH), 1, 1],
    };
  });
  return withinLimits(variants, limits);
}
