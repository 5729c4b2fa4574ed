import { VlmError } from "./shared/errors";

/** What was waited for is not wanted any more. */
export function aborted(): VlmError {
  return new VlmError("aborted", "It was stopped.", "Start it again.");
}
