import type { Availability } from "../session/create-fast-vlm";
import type { DownloadMonitor } from "../session/download-monitor";
import type {
  AnswerOptions,
  FastVlmOptions,
  ModelOptions,
} from "../session/options";

export type { Availability };

/** The model and its image options, which the Prompt API leaves to the browser. */
export interface LanguageModelSettings
  extends
    FastVlmOptions,
    Omit<ModelOptions, "signal">,
    Pick<AnswerOptions, "fit" | "background" | "anyres" | "promptStyle"> {}

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
  /** A string; for `image` an ImageBitmapSource, an SVG image, or a BufferSource
   * with an encoded image. */
  readonly value: unknown;
}

export interface LanguageModelMessage {
  readonly role: LanguageModelRole;
  /** The model reads the images of a message before its text. */
  readonly content: string | readonly LanguageModelContent[];
  /** Last message with the role assistant: the answer continues it. */
  readonly prefix?: boolean;
}

/** Other values are converted to a string. */
export type LanguageModelPrompt = string | readonly LanguageModelMessage[];

export interface LanguageModelCoreOptions {
  /** 0 is greedy sampling. Requires `topK`. */
  readonly temperature?: number;
  readonly topK?: number;
  readonly expectedInputs?: readonly LanguageModelExpected[];
  readonly expectedOutputs?: readonly LanguageModelExpected[];
  /** Not supported: `NotSupportedError` unless empty. */
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
  /** A JSON schema, or a RegExp that the whole answer matches. */
  readonly responseConstraint?: object;
  /** Do not describe the constraint in the prompt. */
  readonly omitResponseConstraintInput?: boolean;
}

export interface LanguageModelParams {
  readonly defaultTopK: number;
  readonly maxTopK: number;
  readonly defaultTemperature: number;
  readonly maxTemperature: number;
}
