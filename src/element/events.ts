import type { LoadProgress } from "../shared/protocol";
import type { VlmError } from "../shared/errors";
import type { Answer, ModelInfo, Timings } from "../shared/protocol";
import type { State } from "./state";

export type ProgressDetail = LoadProgress;

/** The frame that is looked at now. */
export interface FrameDetail {
  /** When it was captured, in ms since the epoch. */
  readonly time: number;
  /** Frames closed unread since the one before. */
  readonly dropped: number;
}

export interface TokenDetail {
  /** In the model's vocabulary. */
  readonly id: number;
  /** Text that it completes; may be empty inside a character. */
  readonly text: string;
}

/** Durations in ms. Where the time to first token went: `wait` to `paint` add up
 * to `ttft`. */
export interface CaptionTimings extends Timings {
  /** Frame captured → first token painted; absent if nothing was painted. */
  readonly ttft?: number;
  /** Frame captured → frame received by the worker. */
  readonly wait?: number;
  /** First token's text → painted. */
  readonly paint?: number;
}

export interface CaptionDetail extends Omit<Answer, "timings"> {
  readonly timings: CaptionTimings;
  /** What was asked. */
  readonly prompt: string;
  /** Side of the encoder's input, in pixels. */
  readonly size: number;
  /** When the frame was captured, in ms since the epoch. */
  readonly time: number;
  /** How old the frame was when its caption was complete, in ms. */
  readonly age: number;
  /** Frames closed unread since the one before. */
  readonly dropped: number;
  /** The gate was asked whether the frame shows anything new. */
  readonly gated: boolean;
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
