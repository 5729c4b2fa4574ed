import { badOption, type VlmError } from "./errors";
import type { Constraint } from "./protocol";

/**
 * A JSON schema, or a regular expression that the whole answer has to match, as
 * the worker takes it. Throws `bad-option` if it is neither.
 */
export function parseConstraint(value: unknown): Constraint {
  if (value instanceof RegExp) {
    const { source, flags } = value;
    return { type: "regex", source, flags };
  }
  const kind = Array.isArray(value) || value === null ? "" : typeof value;
  if (kind !== "object" && kind !== "boolean") {
    throw unusable("it is not an object, boolean or RegExp.");
  }
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw unusable(`it cannot be converted to JSON: ${String(error)}.`, error);
  }
  if (text === undefined) throw unusable("it cannot be represented as JSON.");
  return { type: "json", schema: JSON.parse(text) as unknown };
}

function unusable(why: string, cause?: unknown): VlmError {
  return badOption(
    `The response constraint is invalid: ${why}`,
    "Use a JSON schema or a RegExp.",
    { cause },
  );
}
