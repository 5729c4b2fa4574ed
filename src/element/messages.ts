import type { LoadProgress } from "../shared/protocol";
import type { ErrorCode, VlmError } from "../shared/errors";
import type { State } from "./state";

/** What the element itself says, in one language. */
export interface Messages {
  /** Its tag, such as `en` or `pt-BR`. */
  readonly lang: string;
  readonly states: Readonly<Record<State, string>>;
  readonly phases: Readonly<Record<LoadProgress["phase"], string>>;
  /** Another tab is downloading the model. */
  readonly elsewhere: string;
  /** Both as numbers, the second with the unit of both: `1.2`, `3.4 MB`. */
  readonly amount: (part: string, whole: string) => string;
  /** Of a time with its unit: `3 s`. */
  readonly left: (time: string) => string;
  /** Name of the group that holds the caption. */
  readonly caption: string;
  /** Stands where the caption will be. */
  readonly hint: string;
  /** Announced when a model is there. */
  readonly modelReady: string;
  readonly start: string;
  readonly stop: string;
  readonly freeze: string;
  readonly resume: string;
  readonly cancel: string;
  /** What is told of a failure, by its code; of others, the error's English. */
  readonly failures?: Readonly<Partial<Record<ErrorCode, ErrorText>>>;
}

/** Sentences for a person. */
export interface ErrorText {
  /** What failed. */
  readonly message: string;
  /** What to do. */
  readonly advice: string;
}

export const english: Messages = {
  lang: "en",
  states: {
    idle: "Idle",
    loading: "Loading",
    warming: "Warming up",
    ready: "Ready",
    seeing: "Seeing",
    speaking: "Speaking",
    paused: "Paused",
    failed: "Failed",
  },
  phases: {
    loading: "Loading the model",
    preparing: "Preparing the model",
    warming: "Warming up the model",
  },
  elsewhere: "Another tab is downloading the model",
  amount: (part, whole) => `${part} of ${whole}`,
  left: (time) => `${time} left`,
  caption: "Caption",
  hint: "The caption appears here.",
  modelReady: "The model is ready.",
  start: "Start",
  stop: "Stop",
  freeze: "Freeze",
  resume: "Resume",
  cancel: "Cancel",
};

/** A failure, in the language of `words` as far as they know its code. */
export function failureText(
  error: VlmError,
  { failures, lang }: Messages,
): ErrorText & { readonly lang: string } {
  const known = failures?.[error.code];
  const { message, advice } = known ?? error;
  return { message, advice, lang: known ? lang : "en" };
}
