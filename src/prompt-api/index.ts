/**
 * The Prompt API on fast-vlm: code written for `LanguageModel` runs with `import { LanguageModel } from "fast-vlm/prompt-api"`.
 */
export { QuotaExceededError } from "./errors";
export { LanguageModel } from "./language-model";
export type {
  Availability,
  LanguageModelAppendOptions,
  LanguageModelCloneOptions,
  LanguageModelContent,
  LanguageModelCoreOptions,
  LanguageModelCreateOptions,
  LanguageModelExpected,
  LanguageModelMessage,
  LanguageModelParams,
  LanguageModelPrompt,
  LanguageModelPromptOptions,
  LanguageModelRole,
  LanguageModelSettings,
  LanguageModelType,
} from "./types";
