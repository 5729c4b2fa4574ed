import { badOption } from "./load-options";
import { runOptions } from "./run-options";
import { parseConstraint } from "../shared/constraint";
import type {
  GenerateOptions as Run,
  Fit,
  Message,
  PromptStyle,
  Sampling,
} from "../shared/protocol";
import { isObject, type OptionTypes } from "./validation";
import type { Source } from "./source-image";

/** Of one answer. */
export interface AnswerOptions {
  /** Ends it: what is read or waited for rejects with `aborted`. */
  readonly signal?: AbortSignal | undefined;
  /** Tokens that the answer may have; 128. */
  readonly maxTokens?: number | undefined;
  /** How tokens are chosen; without it the likeliest. */
  readonly sampling?: Partial<Sampling> | undefined;
  /** How a picture becomes square; `letterbox`. */
  readonly fit?: Fit | undefined;
  /** A 2x2 grid besides the whole, for documents: five times the tokens. */
  readonly anyres?: boolean | undefined;
  /** Side of the encoder's input in pixels, a multiple of 64; the session's. */
  readonly size?: number | undefined;
  /** The conversation's form; `reference`, Apple's own. */
  readonly style?: PromptStyle | undefined;
  /** What the answer begins with; it is no part of what comes. */
  readonly prefix?: string | undefined;
  /** What the answer has to be: a JSON schema, or what the whole of it has to
   * match. */
  readonly responseConstraint?: object | boolean | undefined;
}

export interface DescribeOptions extends AnswerOptions {
  /** The question; “Describe the image.” */
  readonly prompt?: string | undefined;
}

export interface WatchOptions extends DescribeOptions {
  /** Frames that differ less than this from the last one encoded, of 0 (off)
   * to 1, are not encoded. */
  readonly gate?: number | undefined;
  /** Try whether the last caption holds for the next frame, which is then there
   * sooner; true. */
  readonly draft?: boolean | undefined;
}

/** What of the options counts for counting. */
export type CountOptions = Pick<
  AnswerOptions,
  "signal" | "anyres" | "size" | "style"
>;

/** A turn of a conversation; only the user's have pictures. */
export interface ChatMessage {
  /** `system`: the first one only. */
  readonly role: "system" | "user" | "assistant";
  readonly text: string;
  readonly images?: readonly Source[] | undefined;
}

/** Of all of these. */
export const answerOptionTypes: OptionTypes = {
  prompt: "text",
  signal: "signal",
  maxTokens: "number",
  sampling: "object",
  fit: "text",
  anyres: "truth",
  size: "number",
  style: "text",
  prefix: "text",
  gate: "number",
  draft: "truth",
};

/** Throws `bad-option`; what the model cannot read, the worker tells. */
export function assertMessages(turns: unknown): void {
  const isTurn = (turn: unknown): boolean =>
    isObject(turn) &&
    (turn["images"] === undefined || Array.isArray(turn["images"]));
  if (Array.isArray(turns) && turns.every(isTurn)) return;
  throw badOption(
    "That is no list of turns.",
    "Give an array of { role, text, images }, the images being an array, too.",
  );
}

export function toProtocolMessages(turns: readonly ChatMessage[]): Message[] {
  return turns.map(({ role, text, images = [] }) => {
    return { role, text, imageCount: images.length };
  });
}

/** Throws `bad-option`. `side` is the session's, for want of another. */
export function toGenerateOptions(
  options: Omit<WatchOptions, "prompt" | "signal">,
  side: number,
  messages: readonly Message[],
): Run {
  const { size = side, maxTokens = 128, sampling = {}, prefix } = options;
  const { style = "reference", fit = "letterbox", anyres = false } = options;
  const { draft = false, gate = 0, responseConstraint } = options;
  const look = { style, fit, anyres, size, draft, gate };
  const run = runOptions({ ...look, maxTokens, sampling });
  return {
    ...run,
    messages,
    ...(prefix === undefined ? {} : { prefix }),
    ...(responseConstraint === undefined
      ? {}
      : { constraint: parseConstraint(responseConstraint) }),
  };
}
