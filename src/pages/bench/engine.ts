import type { GpuCalls } from "../../../workers/bench/gpu-calls";
import type { CaptionRecord, EngineRecord } from "./record";

/** The measurements of a caption, without its frame. */
export type MeasuredCaption = Omit<CaptionRecord, "frame" | "longTasks">;

/** The question for every engine, with the reference prompt style. */
export interface BenchQuestion {
  readonly text: string;
  readonly size: number;
  readonly maxTokens: number;
}

/** A library that captions frames. */
export interface Engine {
  /** Takes ownership of the frame. */
  caption(
    frame: ImageBitmap,
    question: BenchQuestion,
  ): Promise<MeasuredCaption>;
  memory(): Promise<EngineRecord["gpuBytes"]>;
  dispose(): Promise<void>;
}

/** Times (`now()`) at which the stages of a caption ended. */
interface Marks {
  readonly start: number;
  /** Ends of capture, pixels and features. */
  readonly ends: readonly [number, number, number];
  /** First token, and complete caption. */
  readonly first: number;
  readonly end: number;
  /** Decode rate after the first step; 0 if the answer ended with it. */
  readonly tokensPerSecond: number;
}

export function measured(
  { start, ends, first, end, tokensPerSecond }: Marks,
  tokenIds: readonly number[],
  calls: GpuCalls,
): MeasuredCaption {
  const [captured, pixels, features] = ends;
  return {
    stages: {
      capture: captured - start,
      // Stages without a duration were not timed.
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
