import { VlmError } from "../../src/shared/errors";

export function refused(why: string, cause?: unknown): VlmError {
  return new VlmError(
    "bad-option",
    `The response constraint cannot be used: ${why}`,
    "Give a JSON schema without pattern and format, or a regular expression without references, looking around and Unicode properties.",
    { cause },
  );
}
