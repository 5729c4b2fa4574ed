import { VlmError } from "../../src/shared/errors";

export function unsupportedConstraint(why: string, cause?: unknown): VlmError {
  return new VlmError(
    "bad-option",
    `The response constraint cannot be used: ${why}`,
    "Change the schema or the pattern; docs/prompt-api.md lists what is supported.",
    { cause },
  );
}
