import type { GpuCalls } from "../shared/gpu-calls";
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
  /** When each token was there. */
  readonly tokens: readonly number[];
}

export function measured(
  { start, ends, tokens }: Marks,
  tokenIds: readonly number[],
  calls: GpuCalls,
): Measured {
  const [captured, pixels, features] = ends;
  const first = tokens[0] ?? NaN;
  const last = tokens.at(-1) ?? NaN;
  const after = tokens.filter((time) => time > first).length;
  return {
    stages: {
      capture: captured - start,
      pixels: pixels - captured,
      features: features - pixels,
      prefill: first - features,
    },
    firstToken: first - start,
    total: last - start,
    ...(after > 0 && { tokensPerSecond: (after * 1000) / (last - first) }),
    tokenIds,
    calls,
  };
}
