import type { GraphDtypes, ModelSource } from "./models";

/** What bench/kernels asks its worker. */
export interface KernelQuestion {
  readonly model: ModelSource;
  readonly dtypes: GraphDtypes;
  /** Of the encoder's input. */
  readonly side: number;
  /** Positions of the decoder's graphs: 1 for a step, more for a prompt. */
  readonly lengths: readonly number[];
}

/** One shape of work: the runtime's milliseconds, and the quickest of ours. */
export interface KernelTrial {
  readonly operation: string;
  readonly count: number;
  readonly by: "ours" | "theirs";
  readonly theirs: number;
  readonly ours: number;
  readonly kernel: string;
  readonly fault?: string;
}

export interface KernelGraph {
  readonly graph: string;
  readonly switches: readonly KernelTrial[];
}

export type KernelAnswer =
  | { readonly adapter: string; readonly graphs: readonly KernelGraph[] }
  | { readonly failed: string };
