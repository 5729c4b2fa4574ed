import attentionCode from "./attention.wgsl?raw";
import { at } from "../util/assert";
import { unroll } from "./unroll";
import {
  storagePrelude,
  withinLimits,
  type KernelVariant,
  type StorageType,
} from "./kernel-variant";

export interface Attention {
  readonly queries: number;
  readonly heads: number;
  /** Query heads that share one head of keys and values. */
  readonly reps: number;
  readonly headDim: number;
  /** Positions in the buffers of keys and values. */
  readonly capacity: number;
  /** Filled positions; 0: the kernel reads them from seqlens, as total - 1. */
  readonly total: number;
  readonly causal: boolean;
  /** Scale of the scores. */
  readonly alpha: number;
  readonly type: StorageType;
}

/** The uniform of attention.wgsl. */
export function attentionUniform(
  attention: Attention,
): Uint32Array<ArrayBuffer> {
  const { queries, heads, reps, capacity, total, causal } = attention;
  const bits = new Uint32Array(Float32Array.of(attention.alpha).buffer);
  const alpha = at(bits, 0);
  const fields = [queries, heads, reps, capacity, total];
  return Uint32Array.of(...fields, causal ? 1 : 0, alpha, 0);
}

/** A larger query and its sums do not fit in registers. */
const MAX_DIM = 128;

/** All variants for an attention; none for heads that are too wide. Bindings: q,
 * keys, values, seqlens, y and `attentionUniform`. */
export function attentionVariants(
  attention: Attention,
  limits: GPUSupportedLimits,
): KernelVariant[] {
  const { queries, heads, headDim, type } = attention;
  if (headDim % 4 !== 0 || headDim > MAX_DIM) return [];
  const variants = [8, 64].map((WIDTH): KernelVariant => {
    const code = unroll(attentionCode, { WIDTH, DIM: headDim / 4 });
    return {
      family: "attention",
      kernel: {
        label: `attention ${headDim} ${WIDTH}`,
        code: storagePrelude(type) + code,
      },
      workgroups: [Math.ceil((queries * heads) / WIDTH), 1, 1],
    };
  });
  return withinLimits(variants, limits);
}
