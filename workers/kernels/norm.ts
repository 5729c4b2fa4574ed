import normCode from "./norm.wgsl?raw";
import { storageType, type StorageType } from "./storage-type";
import { unroll } from "./unroll";
import { possible, type Variant } from "./variant";

/** Normalisation of rows; by their root mean square if not centered. */
export interface Norm {
  readonly rows: number;
  readonly width: number;
  readonly epsilon: number;
  readonly centered: boolean;
  /** Whether something is added before. */
  readonly skip: boolean;
  /** Whether the sum is wanted too. */
  readonly sums: boolean;
  readonly bias: boolean;
  readonly type: StorageType;
}

/** The uniform of norm.wgsl. */
export function normSize(of: Norm): Uint32Array<ArrayBuffer> {
  const { rows, width, centered, skip, bias } = of;
  const [epsilon = 0] = new Uint32Array(Float32Array.of(of.epsilon).buffer);
  const flags = (centered ? 1 : 0) | (skip ? 2 : 0) | (bias ? 4 : 0);
  return Uint32Array.of(rows, width / 4, flags, epsilon);
}

/**
 * Every way that suits, to be tried on the adapter. Buffers: x, skip, scale,
 * bias, y, `normSize` and, if wanted, the sums.
 */
export function normVariants(
  { rows, width, sums, type }: Norm,
  limits: GPUSupportedLimits,
): Variant[] {
  if (width % 4 !== 0) return [];
  const variants = [4, 64].map((WIDTH): Variant => {
    const constants = { WIDTH, SUMS: sums ? 1 : 0 };
    return {
      family: "norm",
      kernel: {
        label: `norm ${WIDTH}`,
        code: storageType(type) + unroll(normCode, constants),
      },
      workgroups: [Math.ceil(rows / WIDTH), 1, 1],
    };
  });
  return possible(variants, limits);
}
