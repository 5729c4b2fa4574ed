/** The measurements of a bench run. Times are in milliseconds. */
import type { GpuCalls } from "../../../workers/bench/gpu-calls";
import type { Device, GpuMemory, GraphDtypes } from "../../shared/models";
import type { BackendName } from "../../shared/protocol";
import type { Roofline } from "../../../workers/bench/messages";

/** The engines: transformers.js, and fast-vlm by default, without drafts, and on the ORT
 * backend. */
export const lineup = [
  "transformers.js",
  "fast-vlm",
  "fast-vlm:no-draft",
  "fast-vlm:ort",
] as const;

export type EngineName = (typeof lineup)[number];

/** Stages of the time to the first token, in order. */
export const stages = ["capture", "pixels", "features", "prefill"] as const;

export type Stage = (typeof stages)[number];

/** One caption of one engine. */
export interface CaptionRecord {
  readonly frame: number;
  /** `capture`: frame available → pixels read; `pixels`: → encoder input ready;
   * `features`: → encoder finished; `prefill`: → first token on the page's thread.
   * A stage that was not timed is absent, and included in `capture`. */
  readonly stages: Readonly<Partial<Record<Stage, number>>>;
  /** Frame available → first token: the sum of the stages. */
  readonly firstToken: number;
  /** Frame available → complete caption. */
  readonly total: number;
  /** Decode rate after the first step; absent if the answer ended with it. */
  readonly tokensPerSecond?: number;
  readonly tokenIds: readonly number[];
  /** On the page's thread, during the caption. */
  readonly longTasks: { readonly count: number; readonly time: number };
  /** On the engine's thread. */
  readonly calls: GpuCalls;
}

/** Median time to first token over several images. */
export interface TwoQuestions {
  readonly first: number;
  /** Of a second question about the same image. */
  readonly second: number;
}

export interface EngineRecord {
  readonly name: EngineName;
  readonly backend?: BackendName;
  readonly backendReason?: string;
  readonly captions: readonly CaptionRecord[];
  /** Whether all captions have the tokens of the first engine; absent for that one. */
  readonly sameTokens?: boolean;
  readonly gpuBytes: {
    readonly now: number;
    readonly peak: number;
    /** What fast-vlm's bytes are for, at the end of the load. */
    readonly parts?: GpuMemory;
  };
  /** Of the engine's thread; absent if the browser does not report it. */
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
  /** Absent for a single engine. */
  readonly sameTokens?: boolean;
  readonly engines: readonly EngineRecord[];
  /** Measurements that failed, with reasons. */
  readonly missing?: readonly string[];
  readonly roofline?: Roofline;
}
