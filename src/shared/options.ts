/**
 * The options of loads and requests: type, range and default of each, declared
 * once. The session checks what a page passes, the worker what another thread
 * sends, both with these rules.
 */
import { parseColor } from "./color";
import { badOption, type VlmError } from "./errors";
import type { Device, Dtype, Graph } from "./models";
import type { BackendChoice, Fit, PromptStyle, Sampling } from "./protocol";

export interface OptionRule {
  /** Completes "must be …". */
  readonly expected: string;
  readonly accepts: (value: unknown) => boolean;
  /** Rules of its own options, if it is an object. */
  readonly options?: OptionRules;
}

export type OptionRules = Readonly<Record<string, OptionRule>>;

const rule = (
  expected: string,
  accepts: (value: unknown) => boolean,
): OptionRule => ({ expected, accepts });

const number = (
  expected: string,
  accepts: (value: number) => boolean,
): OptionRule =>
  rule(expected, (value) => typeof value === "number" && accepts(value));

export const stringRule = rule(
  "a string",
  (value) => typeof value === "string",
);
export const booleanRule = rule(
  "true or false",
  (it) => typeof it === "boolean",
);
/** A question, which a blank text is not. */
export const questionRule = rule(
  "a text that is not blank",
  (value) => typeof value === "string" && value.trim() !== "",
);
/** An option that is checked where it is used. */
export const anyRule = rule("anything", () => true);
export const functionRule = rule(
  "a function",
  (it) => typeof it === "function",
);
export const objectRule = rule("an object", isObject);
export const arrayRule = rule("an array", Array.isArray);
export const signalRule = rule("an AbortSignal", isSignal);

export const oneOf = (...names: readonly string[]): OptionRule =>
  rule(
    `one of ${names.join(", ")}`,
    (value) => typeof value === "string" && names.includes(value),
  );

export const wholeNumber = (min: number, max = Infinity): OptionRule =>
  number(
    max === Infinity
      ? `a whole number, ${min} or more`
      : `a whole number from ${min} to ${max}`,
    (value) => Number.isInteger(value) && value >= min && value <= max,
  );

export const dtypes: readonly Dtype[] = [
  "fp32",
  "fp16",
  "q8",
  "int8",
  "uint8",
  "q4",
  "q4f16",
];

/** Whether a graph in this dtype computes in half precision. */
export const isHalf = (dtype: Dtype): boolean =>
  dtype === "fp16" || dtype === "q4f16";

export const graphNames: readonly Graph[] = [
  "vision_encoder",
  "embed_tokens",
  "decoder_model_merged",
];

const devices: readonly (Device | "auto")[] = ["auto", "webgpu", "wasm"];
const backends: readonly BackendChoice[] = ["auto", "ort"];
const fits: readonly Fit[] = ["letterbox", "crop", "stretch"];
const promptStyles: readonly PromptStyle[] = ["reference", "demo"];

/** Side of the square of pixels that becomes one image token. */
export const patchSize = 64;

/** Largest encoder input size in pixels. */
const maxSize = 2048;

export function isSize(value: unknown): value is number {
  return (
    typeof value === "number" &&
    value % patchSize === 0 &&
    value >= patchSize &&
    value <= maxSize
  );
}

/** Encoder input size in pixels. */
export const sizeRule: OptionRule = rule(
  `a multiple of ${patchSize} from ${patchSize} to ${maxSize}`,
  isSize,
);

const colorRule = rule(
  "white, black, #rgb or #rrggbb",
  (value) => typeof value === "string" && parseColor(value) !== undefined,
);

/** Options of a load whose value is a name. */
export const loadRules = {
  device: oneOf(...devices),
  backend: oneOf(...backends),
} as const satisfies OptionRules;

/** Options that tokens are counted by. */
export const promptRules = {
  promptStyle: oneOf(...promptStyles),
  size: sizeRule,
  anyres: booleanRule,
} as const satisfies OptionRules;

export const samplingRules = {
  temperature: number("a number from 0 to 100", (it) => it >= 0 && it <= 100),
  topK: wholeNumber(0),
  topP: number("a number above 0 and up to 1", (it) => it > 0 && it <= 1),
  repetitionPenalty: number(
    "a number above 0 and up to 100",
    (it) => it > 0 && it <= 100,
  ),
  seed: number("a finite number", Number.isFinite),
} as const satisfies Record<keyof Sampling, OptionRule>;

/** Limit of `maxTokens`. */
export const maxAnswerTokens = 4096;

/** Options of a request that have a default. */
export const requestRules = {
  ...promptRules,
  fit: oneOf(...fits),
  background: colorRule,
  maxTokens: wholeNumber(1, maxAnswerTokens),
  sampling: { ...objectRule, options: samplingRules },
  draft: booleanRule,
  gate: number("a number from 0 (off) to 1", (it) => it >= 0 && it <= 1),
} as const satisfies OptionRules;

/** The most likely token every time. */
export const greedySampling: Sampling = {
  temperature: 0,
  topK: 0,
  topP: 1,
  repetitionPenalty: 1,
  seed: 0,
};

/** `size` is the model's own, `draft` true for live captions only. */
export const requestDefaults = {
  prompt: "Describe the image.",
  promptStyle: "reference",
  fit: "letterbox",
  background: "white",
  anyres: false,
  maxTokens: 128,
  gate: 0,
} as const;

/** A number with its noun, such as "1 image". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/**
 * `bad-option` for the first of a caller's options that is unknown or breaks its
 * rule. An undefined option is a missing one.
 */
export function findBadOption(
  options: unknown,
  rules: OptionRules,
): VlmError | undefined {
  if (!isObject(options)) return noOptions(options);
  const unknown = Object.keys(options).find(
    (name) => options[name] !== undefined && !Object.hasOwn(rules, name),
  );
  if (unknown !== undefined) {
    return badOption(
      `There is no option ${describeValue(unknown)}.`,
      `Use only these options: ${Object.keys(rules).sort().join(", ")}.`,
    );
  }
  for (const [name, each] of Object.entries(rules)) {
    const value = options[name];
    if (value === undefined) continue;
    if (!each.accepts(value)) return brokenRule(name, value, each);
    const nested = each.options && findBadOption(value, each.options);
    if (nested) return nested;
  }
  return undefined;
}

/** Throws what `findBadOption` finds. */
export function checkOptions(options: unknown, rules: OptionRules): void {
  const error = findBadOption(options, rules);
  if (error) throw error;
}

/** Throws `bad-option` for the first field of a request that is missing or breaks
 * its rule; others are ignored. */
export function checkFields(fields: unknown, rules: OptionRules): void {
  if (!isObject(fields)) throw noOptions(fields);
  for (const [name, each] of Object.entries(rules)) {
    checkOption(name, fields[name], each);
    if (each.options) checkFields(fields[name], each.options);
  }
}

/** The options that `rules` has. */
export function pickOptions<T extends object, K extends keyof T>(
  options: T,
  rules: Readonly<Record<K, OptionRule>>,
): Pick<T, K> {
  const names = Object.keys(rules) as K[];
  const entries = names.map((name) => [name, options[name]]);
  return Object.fromEntries(entries) as Pick<T, K>;
}

function noOptions(options: unknown): VlmError {
  return badOption(
    `The options must be an object, not ${describeValue(options)}.`,
    "Pass an object, such as { maxTokens: 64 }.",
  );
}

/** Throws `bad-option` if `value` breaks the rule of the option `name`. */
export function checkOption(
  name: string,
  value: unknown,
  expected: OptionRule,
): void {
  if (!expected.accepts(value)) throw brokenRule(name, value, expected);
}

function brokenRule(
  name: string,
  value: unknown,
  { expected }: OptionRule,
): VlmError {
  return badOption(`${name} must be ${expected}, not ${describeValue(value)}.`);
}

/** A value for an error message: itself if it is short, else its type. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") {
    return value.length > 40 ? `“${value.slice(0, 40)}…”` : `“${value}”`;
  }
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  if (typeof value !== "object" || value === null) return String(value);
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** Throws `bad-option` unless it is a list of messages with texts; the worker
 * checks their roles and images. */
export function checkMessages(messages: unknown): void {
  checkOption("messages", messages, arrayRule);
  (messages as readonly unknown[]).forEach((message, at) => {
    checkOption(`messages[${at}]`, message, objectRule);
    const { text } = message as { text: unknown };
    checkOption(`messages[${at}].text`, text, stringRule);
  });
}

export function isIterable(value: unknown): value is Iterable<unknown> {
  return (
    typeof value === "object" && value !== null && Symbol.iterator in value
  );
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `null` means no signal, as it does for `fetch`. */
function isSignal(value: unknown): boolean {
  if (value === null) return true;
  try {
    // Accepts signals of other windows, which are no instances of this one's.
    AbortSignal.any([value as AbortSignal]);
    return true;
  } catch {
    return false;
  }
}
