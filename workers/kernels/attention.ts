import attentionCode from "./attention.wgsl?raw";
import { storageType, type StorageType } from "./storage-type";
import { unroll } from "./unroll";
import { possible, type Variant } from "./variant";

export interface Attention {
  readonly queries: number;
  readonly heads: number;
  /** Heads that share keys and values. */
  readonly reps: number;
  readonly headDim: number;
  /** Places for keys. */
  readonly capacity: number;
  /** How many of them are filled, or 0: a buffer tells, less one. */
  readonly total: number;
  readonly causal: boolean;
  /** What scores are multiplied by. */
  readonly alpha: number;
  readonly type: StorageType;
}

/** The uniform of attention.wgsl. */
export function attentionSize(of: Attention): Uint32Array<ArrayBuffer> {
  const { queries, heads, reps, capacity, total, causal } = of;
  const [alpha = 0] = new Uint32Array(Float32Array.of(of.alpha).buffer);
  const fields = [queries, heads, reps, capacity, total];
  return Uint32Array.of(...fields, causal ? 1 : 0, alpha, 0);
}

/** Above this a query and its sums leave the registers. */
const MAX_DIM = 128;

/**
 * Every way that suits, to be tried on the adapter. Buffers: q, keys, values,
 * seqlens, y and `attentionSize`.
 */
export function attentionVariants(
  of: Attention,
  limits: GPUSupportedLimits,
): Variant[] {
  const { queries, heads, headDim, type } = of;
  if (headDim % 4 !== 0 || headDim > MAX_DIM) return [];
  const variants = [8, 64].map((WIDTH): Variant => {
    const code = unroll(attentionCode, { WIDTH, DIM: headDim / 4 });
    return {
      family: "attention",
      kernel: {
        label: `attention ${headDim} ${WIDTH}`,
        code: storageType(type) + code,
      },
      workgroups: [Math.ceil((queries * heads) / WIDTH), 1, 1],
    };
  });
  return possible(variants, limits);
}
