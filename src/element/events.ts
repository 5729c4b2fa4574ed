import type { LoadProgress } from "../shared/protocol";
import type { AnswerTimings } from "../session/answer-stream";
import type { Caption } from "../session/watch";
import type { VlmError } from "../shared/errors";
import type { ModelInfo } from "../shared/protocol";
import type { State } from "./state";

export type ProgressDetail = LoadProgress;

/** The frame that the model is asked about. */
export interface FrameDetail {
  /** Time of capture, in ms since the epoch. */
  readonly time: number;
  /** Frames skipped since the previous one. */
  readonly dropped: number;
}

export interface TokenDetail {
  /** Id in the model's vocabulary. */
  readonly id: number;
  /** Text that the token completes; may be empty inside a character. */
  readonly text: string;
}

/** Durations in ms. `ttft` counts until the first token is painted; its parts
 * from `wait` to `paint` add up to it. */
export interface CaptionTimings extends AnswerTimings {
  /** First token received → painted; absent if nothing was painted. */
  readonly paint?: number;
}

export interface CaptionDetail extends Omit<Caption, "type" | "timings"> {
  readonly timings: CaptionTimings;
}

export interface StateDetail {
  readonly state: State;
  readonly previous: State;
}

export interface ErrorDetail {
  readonly code: VlmError["code"];
  readonly message: string;
  readonly advice: string;
}

export interface FastVlmEventMap {
  modelprogress: CustomEvent<ProgressDetail>;
  ready: CustomEvent<ModelInfo>;
  frame: CustomEvent<FrameDetail>;
  token: CustomEvent<TokenDetail>;
  caption: CustomEvent<CaptionDetail>;
  statechange: CustomEvent<StateDetail>;
  ended: CustomEvent<null>;
  error: CustomEvent<ErrorDetail>;
}

export function emit<K extends keyof FastVlmEventMap>(
  target: EventTarget,
  type: K,
  detail: FastVlmEventMap[K]["detail"],
): void {
  target.dispatchEvent(
    new CustomEvent(type, { detail, bubbles: true, composed: true }),
  );
}
