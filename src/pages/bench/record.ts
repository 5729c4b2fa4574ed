/** What a run of the bench measured. Times are milliseconds. */
import type { GpuCalls } from "../../../workers/bench/gpu-calls";
import type { Device, GraphDtypes } from "../../shared/models";
import type { BackendName } from "../../shared/protocol";
import type { Roofline } from "../../../workers/bench/messages";

/** Who takes part: the rival, and fast-vlm as it comes or with less. */
export const lineup = [
  "transformers.js",
  "fast-vlm",
  "fast-vlm:no-draft",
  "fast-vlm:plain",
] as const;

export type ContenderName = (typeof lineup)[number];

/** Parts of the time to the first token, in their order. */
export const stages = ["capture", "pixels", "features", "prefill"] as const;

export type Stage = (typeof stages)[number];

/** One caption of one contender. */
export interface CaptionRecord {
  readonly frame: number;
  /** `capture`: frame in hand → the model's own code has its pixels;
   * `pixels`: → what the encoder reads; `features`: → the encoder is done;
   * `prefill`: → the first token's text is on the page's thread. What was not
   * timed is absent, and part of `capture`. */
  readonly stages: Readonly<Partial<Record<Stage, number>>>;
  /** Frame in hand → first token; the sum of the stages. */
  readonly firstToken: number;
  /** Frame in hand → nothing more to come: the age of the complete caption. */
  readonly total: number;
  /** Tokens after those that came with the first, per second of their own;
   * absent where there are none. */
  readonly tokensPerSecond?: number;
  readonly tokenIds: readonly number[];
  /** On the page's own thread, while it was made. */
  readonly longTasks: { readonly count: number; readonly time: number };
  /** Of the contender's own thread. */
  readonly calls: GpuCalls;
}

/** Medians of times to the first token, over a few pictures. */
export interface TwoQuestions {
  readonly first: number;
  /** About the same picture. */
  readonly second: number;
}

export interface ContenderRecord {
  readonly name: ContenderName;
  readonly path?: BackendName;
  readonly pathReason?: string;
  readonly captions: readonly CaptionRecord[];
  /** Whether every caption has the tokens of the first contender; absent for
   * that one. */
  readonly sameTokens?: boolean;
  readonly gpuBytes: { readonly now: number; readonly peak: number };
  /** Of the contender's own thread; absent where the browser does not tell. */
  readonly heapBytes?: number;
  readonly questions?: TwoQuestions;
  /** Seconds from the first request to the end of the first caption. */
  readonly ready: number;
}

export interface BenchRecord {
  readonly date: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly browser: string;
  readonly device: Device;
  readonly adapter: string;
  readonly features: readonly string[];
  readonly model: string;
  readonly dtypes: GraphDtypes;
  readonly size: number;
  readonly frames: number;
  readonly question: string;
  readonly promptTokens: number;
  /** Absent where there is nobody to compare with. */
  readonly sameTokens?: boolean;
  readonly contenders: readonly ContenderRecord[];
  /** What failed after the last caption, and why. */
  readonly missing?: readonly string[];
  readonly roofline?: Roofline;
}
