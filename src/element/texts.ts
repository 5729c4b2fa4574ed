import type { ErrorCode, VlmError } from "../shared/errors";
import type { LoadProgress } from "../shared/protocol";
import type { State } from "./state";

/** The UI texts in one language. */
export interface Texts {
  /** BCP 47 tag, such as `en` or `pt-BR`. */
  readonly lang: string;
  readonly states: Readonly<Record<State, string>>;
  /** Shown instead of the state while live captions follow one another. */
  readonly live: string;
  /** What a load is doing. */
  readonly phases: Readonly<Record<LoadProgress["phase"], string>>;
  /** Shown while another tab downloads the model. */
  readonly elsewhere: string;
  /** Shown while the server limits requests; `time` has a unit: `3 s`. */
  readonly rateLimited: (time: string) => string;
  /** Both are formatted numbers, the second with a unit: `1.2`, `3.4 MB`. */
  readonly amount: (part: string, whole: string) => string;
  /** Remaining time; `time` has a unit: `3 s`. */
  readonly left: (time: string) => string;
  /** Accessible name of the caption. */
  readonly caption: string;
  /** Shown before the first caption. */
  readonly hint: string;
  /** Explains the “…” after a caption that ends too early. */
  readonly cutOff: string;
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

export const english: Texts = {
  lang: "en",
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
  live: "Live",
  phases: {
    loading: "Loading model…",
    preparing: "Preparing model…",
    warming: "Warming up model…",
  },
  elsewhere: "Another tab is downloading the model…",
  rateLimited: (time) =>
    `The server is limiting downloads. Retrying in ${time}…`,
  amount: (part, whole) => `${part} of ${whole}`,
  left: (time) => `${time} left`,
  caption: "Caption",
  hint: "The caption appears here.",
  cutOff: "This caption is incomplete.",
  modelReady: "Model ready.",
  start: "Start",
  stop: "Stop",
  freeze: "Freeze",
  resume: "Resume",
  cancel: "Cancel",
};

/** The text of an error in the language of `texts`, else in English. */
export function failureText(
  error: VlmError,
  { failures, lang }: Texts,
): ErrorText & { readonly lang: string } {
  const translated = failures?.[error.code];
  const { message, advice } = translated ?? error;
  return { message, advice, lang: translated ? lang : "en" };
}
