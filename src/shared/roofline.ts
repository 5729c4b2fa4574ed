import type { GraphDtypes, ModelSource } from "./models";

/** Rates of the adapter, measured, and what a caption needs of it. */
export interface Roofline {
  /** Multiply-adds a second, of 32-bit floats. */
  readonly matmul: number;
  /** The same of 16-bit floats; absent where no graph is of them, or the adapter
   * does not have them. */
  readonly matmulHalf?: number;
  /** Bytes read and written a second. */
  readonly copy: number;
  readonly work: {
    /** Multiply-adds of a picture; absent where its graph is not understood. */
    readonly encoder?: number;
    /** Multiply-adds of the prompt, with logits for its last token only. */
    readonly prefill: number;
    /** Weights and cache that a token after it reads. */
    readonly tokenBytes: number;
  };
  /** What that takes at these rates, in ms. */
  readonly floor: {
    readonly encoder?: number;
    readonly prefill: number;
    readonly token: number;
  };
}

export interface RooflineQuestion {
  readonly model: ModelSource;
  readonly dtypes: GraphDtypes;
  readonly side: number;
  readonly promptTokens: number;
}

export type RooflineAnswer =
  { readonly roofline: Roofline } | { readonly failed: string };
