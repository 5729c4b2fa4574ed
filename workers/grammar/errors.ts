import { VlmError } from "../../src/shared/errors";

const ADVICE =
  "Change the schema or the pattern; docs/constraints.md lists what is supported.";

interface Details {
  readonly cause?: unknown;
  /** JSON pointer to the part of the schema that caused the error. */
  readonly pointer?: string;
  readonly advice?: string;
}

/** A constraint that cannot be used. */
export class ConstraintError extends VlmError {
  readonly #why: string;
  readonly #details: Details;

  constructor(why: string, details: Details = {}) {
    const { cause, pointer, advice = ADVICE } = details;
    const where = pointer === undefined ? "" : `at ${pointer}, `;
    super(
      "bad-option",
      `The response constraint cannot be used: ${where}${why}`,
      advice,
      { cause },
    );
    this.#why = why;
    this.#details = details;
  }

  /** The same error with a pointer, unless it has one. */
  at(pointer: string): ConstraintError {
    if (this.#details.pointer !== undefined) return this;
    return new ConstraintError(this.#why, { ...this.#details, pointer });
  }
}

export function unsupportedConstraint(
  why: string,
  cause?: unknown,
): ConstraintError {
  return new ConstraintError(why, { cause });
}

/** Whether the call stack was too small: a RangeError, in Firefox an InternalError. */
export function isTooDeep(error: unknown): boolean {
  return (
    error instanceof Error &&
    /call stack|too much recursion/i.test(error.message)
  );
}

export function nestedTooDeeply(cause: unknown): ConstraintError {
  return new ConstraintError("it is nested too deeply.", {
    cause,
    advice:
      "Nest the groups of the pattern, or the objects and arrays of the schema, less deeply.",
  });
}

/** The beginning of a text, for messages. */
export function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
