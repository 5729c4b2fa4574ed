import { badOption } from "./load-options";
import type { VlmError } from "../shared/errors";

/** What options are, for callers whom no compiler tells. */
const kinds = {
  text: ["a text", (value: unknown) => typeof value === "string"],
  number: ["a number", (value: unknown) => typeof value === "number"],
  truth: ["true or false", (value: unknown) => typeof value === "boolean"],
  function: ["a function", (value: unknown) => typeof value === "function"],
  object: ["an object", isObject],
  signal: ["an AbortSignal", isSignal],
} as const;

export type OptionTypes = Readonly<Record<string, keyof typeof kinds>>;

/** `bad-option` for options, or the first of them, of another kind. */
export function findOptionError(
  options: unknown,
  expected: OptionTypes,
): VlmError | undefined {
  if (!isObject(options)) {
    return badOption(
      `Options are an object, not ${describeType(options)}.`,
      "Give an object with the options by their names.",
    );
  }
  for (const [name, kind] of Object.entries(expected)) {
    const [called, is] = kinds[kind];
    const value = options[name];
    if (value === undefined || is(value)) continue;
    return badOption(
      `The option ${name} has to be ${called}, not ${describeType(value)}.`,
      "Correct it, or leave it out.",
    );
  }
  return undefined;
}

/** Throws `bad-option`. */
export function assertOptions(options: unknown, expected: OptionTypes): void {
  const refusal = findOptionError(options, expected);
  if (refusal) throw refusal;
}

/** A value in a word, for messages. */
export function describeType(value: unknown): string {
  if (typeof value === "string") return "a text";
  if (typeof value === "number") return "a number";
  if (typeof value === "function") return "a function";
  if (!isObject(value)) return String(value);
  return Object.prototype.toString.call(value).slice(8, -1);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Null is none, as it is for the platform's own `fetch`. */
function isSignal(value: unknown): boolean {
  if (value === null) return true;
  try {
    // Knows those of other windows, too.
    AbortSignal.any([value as AbortSignal]);
    return true;
  } catch {
    return false;
  }
}
