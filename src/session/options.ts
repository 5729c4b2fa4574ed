import { parseDtype } from "../models/dtype";
import { localFolder, type FolderFiles } from "../models/folder";
import { resolveModel } from "../models/resolve";
import type { WorkerStart } from "../runtime/start-worker";
import { parseConstraint } from "../shared/constraint";
import type { DeviceChoice } from "../shared/models";
import {
  anyRule,
  arrayRule,
  booleanRule,
  checkMessages,
  checkOption,
  findBadOption,
  signalRule,
  functionRule,
  greedySampling,
  isIterable,
  loadRules,
  promptRules,
  questionRule,
  requestDefaults,
  requestRules,
  sizeRule,
  stringRule,
  type OptionRule,
  type OptionRules,
} from "../shared/options";
import { badOption, type VlmError } from "../shared/errors";
import type {
  BackendChoice,
  Fit,
  GenerateOptions,
  LoadOptions,
  Message,
  PromptStyle,
  Sampling,
} from "../shared/protocol";
import type { Source } from "./source-image";

/** Where workers and models come from. */
export interface FastVlmOptions extends WorkerStart {
  /** Folder that contains `models/NAME/` of the bundled models; default: the
   * page's own. */
  readonly modelBase?: string | undefined;
  /** URL of a hub that is compatible with huggingface.co, the default. */
  readonly hub?: string | undefined;
}

/** Which model to load, and how it runs. */
export interface ModelOptions {
  /** A registered name, `owner/name[@revision]` on the hub, or the URL of a
   * folder. */
  readonly model?: string | undefined;
  /** Files of a local folder, used instead of `model`. */
  readonly folder?: FolderFiles | undefined;
  /** `auto`, `fp32`, `fp16`, `q8`, `int8`, `uint8`, `q4`, `q4f16`, or one for each graph:
   * `vision_encoder=fp16,…`. */
  readonly dtype?: string | undefined;
  /** Default: `auto`. */
  readonly device?: DeviceChoice | undefined;
  /** `ort` runs the published graphs as they are; default: `auto`. */
  readonly backend?: BackendChoice | undefined;
  /** Encoder input size in pixels, a multiple of 64; default: the model's. */
  readonly size?: number | undefined;
  /** Aborting it rejects with `aborted`. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of one request. */
export interface AnswerOptions {
  /** Aborting it ends the request: `done()` and the iterator reject with
   * `aborted`. */
  readonly signal?: AbortSignal | undefined;
  /** Maximum number of tokens in the answer; default: 128. */
  readonly maxTokens?: number | undefined;
  /** How tokens are chosen; default: the most likely one (greedy). */
  readonly sampling?: Partial<Sampling> | undefined;
  /** How an image is made square; default: `letterbox`. */
  readonly fit?: Fit | undefined;
  /** Colour behind the transparent pixels of an image: `white` (the default),
   * `black`, `#rgb` or `#rrggbb`. */
  readonly background?: string | undefined;
  /** Encodes a 2×2 grid of tiles in addition to the whole image, for documents:
   * five times the image tokens. */
  readonly anyres?: boolean | undefined;
  /** Encoder input size in pixels, a multiple of 64; default: the session's. */
  readonly size?: number | undefined;
  /** Chat prompt preset; default: `reference` (Apple's `predict.py`). */
  readonly promptStyle?: PromptStyle | undefined;
  /** Text that the model continues; it is not repeated in the answer. */
  readonly prefix?: string | undefined;
  /** JSON schema or regular expression that the whole answer has to match. */
  readonly responseConstraint?: object | boolean | undefined;
  /** Uses the previous answer to the same prompt as a draft, which saves time if
   * the answer is the same; default: live captions only. */
  readonly draft?: boolean | undefined;
  /** An image that differs less than this from the last encoded one is not
   * encoded again: from 0 (off, the default) to 1. */
  readonly gate?: number | undefined;
}

export interface FollowUpOptions extends AnswerOptions {
  /** Whether the earlier questions about the same images, and their answers, are
   * sent, too; default: if the model was trained for it (`ModelInfo.multiTurn`). */
  readonly history?: boolean | undefined;
}

export interface DescribeOptions extends AnswerOptions {
  /** Default: “Describe the image.” */
  readonly prompt?: string | undefined;
}

export interface WatchOptions extends DescribeOptions {
  /** Captions only frames that differ from the last captioned one by `gate`, which
   * is then 0.02 by default. Not with `anyres`. */
  readonly changed?: boolean | undefined;
  /** Continues while the page is hidden, for sources such as a shared screen. */
  readonly whileHidden?: boolean | undefined;
}

/** The options that affect the number of tokens. */
export type CountOptions = Pick<
  AnswerOptions,
  "signal" | "anyres" | "size" | "promptStyle"
>;

/** One turn of a conversation. */
export interface ChatMessage {
  /** Only the first message can have the role `system`. */
  readonly role: "system" | "user" | "assistant";
  readonly text: string;
  /** Images that belong to this message; only user messages can have images. */
  readonly images?: readonly Source[] | undefined;
}

const folder: OptionRule = {
  expected: "a FileList or an iterable of files",
  accepts: isIterable,
};

export const environmentRules = {
  worker: functionRule,
  wasmPaths: stringRule,
  fetch: functionRule,
  modelBase: stringRule,
  hub: stringRule,
} as const satisfies Record<keyof FastVlmOptions, OptionRule>;

/** The options that say which model is loaded, and how. */
export const modelRules = {
  ...loadRules,
  model: stringRule,
  folder,
  dtype: stringRule,
} as const satisfies OptionRules;

export const createRules = {
  ...modelRules,
  size: sizeRule,
  signal: signalRule,
  monitor: functionRule,
} as const satisfies Record<keyof ModelOptions | "monitor", OptionRule>;

/** The response constraint is checked when it is parsed. */
export const answerRules = {
  ...requestRules,
  signal: signalRule,
  prefix: stringRule,
  responseConstraint: anyRule,
} as const satisfies Record<keyof AnswerOptions, OptionRule>;

export const describeRules = {
  ...answerRules,
  prompt: questionRule,
} as const satisfies Record<keyof DescribeOptions, OptionRule>;

export const followUpRules = {
  ...answerRules,
  history: booleanRule,
} as const satisfies Record<keyof FollowUpOptions, OptionRule>;

export const countRules = {
  ...promptRules,
  signal: signalRule,
} as const satisfies Record<keyof CountOptions, OptionRule>;

const watchRules = {
  ...describeRules,
  changed: booleanRule,
  whileHidden: booleanRule,
} as const satisfies Record<keyof WatchOptions, OptionRule>;

/** Throws `bad-option`. */
export function toLoadOptions(
  { model = "", dtype = "auto", ...options }: ModelOptions,
  { hub, modelBase }: FastVlmOptions,
): LoadOptions {
  const { device = "auto", backend = "auto" } = options;
  return {
    model: options.folder
      ? localFolder(options.folder)
      : resolveModel(model, hub, modelBase),
    device,
    dtype: parseDtype(dtype),
    backend,
  };
}

/** Throws `bad-option` for the first message that is not valid. */
export function checkChatMessages(messages: readonly ChatMessage[]): void {
  checkMessages(messages);
  messages.forEach(({ images = [] }, at) =>
    checkOption(`messages[${at}].images`, images, arrayRule),
  );
}

export function toProtocolMessages(
  messages: readonly ChatMessage[],
): Message[] {
  return messages.map(({ role, text, images = [] }) => {
    return { role, text, imageCount: images.length };
  });
}

/** `bad-option` for the first invalid option of `watch`. */
export function findBadWatchOption(
  options: WatchOptions,
): VlmError | undefined {
  const error = findBadOption(options, watchRules);
  if (error || !options.changed || !options.anyres) return error;
  return badOption(
    "changed and anyres exclude each other.",
    "Leave out one of them: changes are detected in whole images, not in tiles.",
  );
}

/** Threshold of the change detector where only changes are captioned. */
export const changeGate = 0.02;

/** Side of the square, in pixels, that an image fills: AnyRes divides it into 2×2
 * tiles. The default of `modelSize` is that of the published models, for images that
 * are read before a model is loaded. */
export function inputSide(
  { size, anyres }: Pick<AnswerOptions, "size" | "anyres">,
  modelSize = 1024,
): number {
  return (size ?? modelSize) * (anyres ? 2 : 1);
}

/** Valid `options` as a request with all defaults; `size` is the session's. */
export function toGenerateOptions(
  options: AnswerOptions,
  size: number,
  messages: readonly Message[],
): GenerateOptions {
  const { prefix, responseConstraint, sampling } = options;
  const { promptStyle, fit, background, anyres, maxTokens, gate } =
    requestDefaults;
  return {
    messages,
    promptStyle: options.promptStyle ?? promptStyle,
    fit: options.fit ?? fit,
    background: options.background ?? background,
    anyres: options.anyres ?? anyres,
    size: options.size ?? size,
    maxTokens: options.maxTokens ?? maxTokens,
    sampling: { ...greedySampling, ...sampling },
    draft: options.draft ?? false,
    gate: options.gate ?? gate,
    ...(prefix !== undefined && { prefix }),
    ...(responseConstraint !== undefined && {
      constraint: parseConstraint(responseConstraint),
    }),
  };
}
