import { VlmError } from "../../src/shared/errors";

export function unsupportedConstraint(why: string, cause?: unknown): VlmError {
  return new VlmError(
    "bad-option",
    `The response constraint cannot be used: ${why}`,
    "See which keywords of JSON Schema and which parts of regular expressions are supported: docs/prompt-api.md.",
    { cause },
  );
}
