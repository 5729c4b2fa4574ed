import type { LoadProgress } from "../shared/protocol";
import type { AnswerTimings } from "../session/answer-stream";
import type { Caption } from "../session/watch";
import type { VlmError } from "../shared/errors";
import type { FinishReason, ModelInfo } from "../shared/protocol";
import type { State } from "./state";

export type ProgressDetail = LoadProgress;

/** What an event is about: a live caption, or the one of a still image; or the answer
 * to a question asked with `ask()`. */
export type AnswerKind = "caption" | "answer";

/** The frame that the model is asked about. */
export interface FrameDetail {
  readonly kind: AnswerKind;
  /** Time of capture, in ms since the epoch. */
  readonly time: number;
  /** Frames skipped since the previous one. */
  readonly dropped: number;
}

export interface TokenDetail {
  readonly kind: AnswerKind;
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
  readonly kind: AnswerKind;
  readonly timings: CaptionTimings;
}

/** A question asked with `ask()`, and its answer. */
export interface ConversationEntry {
  /** Unique on the page. */
  readonly id: number;
  readonly question: string;
  /** The answer so far. */
  readonly answer: string;
  readonly state: "answering" | "done" | "failed";
  /** Of the question; once it is known, of the frame. In ms since the epoch. */
  readonly time: number;
  /** The frame, or the last of several images: a JPEG whose longest side is at most
   * 192 px. Absent until the frame is passed to the model. */
  readonly thumbnail?: Blob;
  /** Why the answer ended, if it is `done`; `abort`: it was stopped. */
  readonly finish?: FinishReason;
  /** Of a complete answer. */
  readonly timings?: CaptionTimings;
  /** Why it `failed`. */
  readonly error?: ErrorDetail;
}

export interface ConversationDetail {
  readonly conversation: readonly ConversationEntry[];
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
  backendchange: CustomEvent<ModelInfo>;
  frame: CustomEvent<FrameDetail>;
  token: CustomEvent<TokenDetail>;
  caption: CustomEvent<CaptionDetail>;
  conversationchange: CustomEvent<ConversationDetail>;
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
