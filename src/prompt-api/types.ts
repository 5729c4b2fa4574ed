import type {
  Availability,
  AvailabilityOptions,
  FastVlmOptions,
} from "../session/session-factory";
import type { DownloadMonitor } from "../session/download-monitor";
import type { AnswerOptions } from "../session/options";

export type { Availability };

/** Which model answers and how it looks at pictures: what the Prompt API leaves
 * to the browser. */
export interface LanguageModelSettings
  extends
    FastVlmOptions,
    Omit<AvailabilityOptions, "signal">,
    Pick<AnswerOptions, "fit" | "anyres" | "style"> {}

export type LanguageModelRole = "system" | "user" | "assistant";

export type LanguageModelType =
  "text" | "image" | "audio" | "tool-call" | "tool-response";

export interface LanguageModelExpected {
  readonly type: LanguageModelType;
  /** BCP 47 tags. */
  readonly languages?: readonly string[];
}

export interface LanguageModelContent {
  readonly type: LanguageModelType;
  /** A string, or for `image` an ImageBitmapSource, SVG image or BufferSource
   * of an encoded picture. */
  readonly value: unknown;
}

export interface LanguageModelMessage {
  readonly role: LanguageModelRole;
  /** Pictures of a message are read before its words, wherever they stand. */
  readonly content: string | readonly LanguageModelContent[];
  /** The last message, of the assistant: the answer goes on from there. */
  readonly prefix?: boolean;
}

/** What is no list counts as a string. */
export type LanguageModelPrompt = string | readonly LanguageModelMessage[];

export interface LanguageModelCoreOptions {
  /** 0: the likeliest token, always. Only together with `topK`. */
  readonly temperature?: number;
  readonly topK?: number;
  readonly expectedInputs?: readonly LanguageModelExpected[];
  readonly expectedOutputs?: readonly LanguageModelExpected[];
  /** There are none: `NotSupportedError` for a list that is not empty. */
  readonly tools?: readonly unknown[];
}

export interface LanguageModelCreateOptions extends LanguageModelCoreOptions {
  readonly initialPrompts?: readonly LanguageModelMessage[];
  readonly signal?: AbortSignal;
  readonly monitor?: (monitor: DownloadMonitor) => void;
}

export interface LanguageModelAppendOptions {
  readonly signal?: AbortSignal;
}

export type LanguageModelCloneOptions = LanguageModelAppendOptions;

export interface LanguageModelPromptOptions extends LanguageModelAppendOptions {
  /** A JSON schema, or a RegExp that the whole answer has to match. */
  readonly responseConstraint?: object;
  /** Do not tell the model of the constraint in words. */
  readonly omitResponseConstraintInput?: boolean;
}

export interface LanguageModelParams {
  readonly defaultTopK: number;
  readonly maxTopK: number;
  readonly defaultTemperature: number;
  readonly maxTemperature: number;
}
