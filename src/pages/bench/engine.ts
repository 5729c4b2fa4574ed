import type { GpuCalls } from "../../../workers/bench/gpu-calls";
import type { CaptionRecord, ContenderRecord } from "./record";

/** A caption before it is told which frame it was of. */
export type Measured = Omit<CaptionRecord, "frame" | "longTasks">;

/** The question that every contender is asked, in the reference's words. */
export interface Question {
  readonly text: string;
  readonly side: number;
  readonly maxTokens: number;
}

/** A program that captions frames. */
export interface Contender {
  /** Consumes the frame. */
  caption(frame: ImageBitmap, question: Question): Promise<Measured>;
  memory(): Promise<ContenderRecord["gpuBytes"]>;
  dispose(): Promise<void>;
}

/** Where a caption's time went, from when each of its parts ended. */
export interface Marks {
  readonly start: number;
  /** Of capture, pixels and features. */
  readonly ends: readonly [number, number, number];
  /** When the first token was there, and the whole caption. */
  readonly first: number;
  readonly end: number;
  /** After those that came with the first; 0 if there are none. */
  readonly tokensPerSecond: number;
}

export function measured(
  { start, ends, first, end, tokensPerSecond }: Marks,
  tokenIds: readonly number[],
  calls: GpuCalls,
): Measured {
  const [captured, pixels, features] = ends;
  return {
    stages: {
      capture: captured - start,
      // Nothing takes no time: it was not timed.
      ...(pixels > captured && { pixels: pixels - captured }),
      ...(features > pixels && { features: features - pixels }),
      prefill: first - features,
    },
    firstToken: first - start,
    total: end - start,
    ...(tokensPerSecond > 0 && { tokensPerSecond }),
    tokenIds,
    calls,
  };
}
