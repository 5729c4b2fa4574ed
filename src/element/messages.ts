import type { ErrorCode, VlmError } from "../shared/errors";
import { englishProgress, type ProgressTexts } from "../shared/progress-text";
import type { State } from "./state";

/** The element's UI texts in one language. */
export interface Messages extends ProgressTexts {
  readonly states: Readonly<Record<State, string>>;
  /** Accessible name of the caption. */
  readonly caption: string;
  /** Shown before the first caption. */
  readonly hint: string;
  /** Announced when a model is loaded. */
  readonly modelReady: string;
  readonly start: string;
  readonly stop: string;
  readonly freeze: string;
  readonly resume: string;
  readonly cancel: string;
  /** Texts of errors by code; the others are shown in English. */
  readonly failures?: Readonly<Partial<Record<ErrorCode, ErrorText>>>;
}

export interface ErrorText {
  /** What failed. */
  readonly message: string;
  /** What to do next. */
  readonly advice: string;
}

export const english: Messages = {
  ...englishProgress,
  states: {
    idle: "Idle",
    loading: "Loading",
    warming: "Warming up",
    ready: "Ready",
    seeing: "Analysing",
    speaking: "Describing",
    paused: "Paused",
    failed: "Error",
  },
  caption: "Caption",
  hint: "The caption appears here.",
  modelReady: "Model ready.",
  start: "Start",
  stop: "Stop",
  freeze: "Freeze",
  resume: "Resume",
  cancel: "Cancel",
};

/** The text of an error in the language of `messages`, else in English. */
export function failureText(
  error: VlmError,
  { failures, lang }: Messages,
): ErrorText & { readonly lang: string } {
  const translated = failures?.[error.code];
  const { message, advice } = translated ?? error;
  return { message, advice, lang: translated ? lang : "en" };
}
