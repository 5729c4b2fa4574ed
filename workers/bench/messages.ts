/** Messages between the bench's pages and its workers. Types only. */
import type { Device, GraphDtypes, ModelSource } from "../../src/shared/models";

/** Measured rates of an adapter, or of the processor for WASM. */
export interface Rates {
  /** Multiply-adds a second in 32-bit floats, in our fastest matrix product. */
  readonly matmul: number;
  /** The same in 16-bit floats with 32-bit sums. Absent if no graph uses them,
   * or the adapter does not support them. */
  readonly matmulHalf?: number;
  /** The same in 8-bit integers with 32-bit sums, on WASM. */
  readonly matmulInt8?: number;
  /** Bytes read and written a second. */
  readonly copy: number;
}

/** The work that a caption needs at least. */
export interface Work {
  /** Multiply-adds of an image. Absent if the graph's structure is unknown. */
  readonly encoder?: number;
  /** Multiply-adds of the prompt, with logits for its last token only. */
  readonly prefill: number;
  /** Bytes of weights and KV cache that each further token reads. */
  readonly tokenBytes: number;
}

export interface Roofline extends Rates {
  readonly work: Work;
  /** Milliseconds that the work takes at these rates. */
  readonly floor: {
    readonly encoder?: number;
    readonly prefill: number;
    readonly token: number;
  };
}

export interface RooflineQuestion {
  readonly device: Device;
  readonly model: ModelSource;
  readonly dtypes: GraphDtypes;
  /** Encoder input size in pixels. */
  readonly size: number;
  readonly promptTokens: number;
}

export type RooflineAnswer =
  { readonly roofline: Roofline } | { readonly failed: string };

export interface KernelQuestion {
  readonly model: ModelSource;
  readonly dtypes: GraphDtypes;
  /** Encoder input size in pixels. */
  readonly size: number;
  /** Positions of the decoder's graphs: 1 for a decode step, more for a prefill. */
  readonly lengths: readonly number[];
}

/** The trial of one operation (`KernelOverride` of the WebGPU backend). */
export interface KernelTrial {
  readonly operation: string;
  /** How often the graph contains it. */
  readonly count: number;
  readonly multiplyAdds: number;
  readonly bytes: number;
  readonly faster: "kernel" | "ort";
  readonly ortMs: number;
  readonly kernelMs: number;
  readonly kernel: string;
  readonly fault?: string;
}

interface KernelGraph {
  readonly graph: string;
  readonly overrides: readonly KernelTrial[];
}

export type KernelAnswer =
  | {
      readonly adapter: string;
      readonly rates: Rates;
      readonly graphs: readonly KernelGraph[];
    }
  | { readonly failed: string };
