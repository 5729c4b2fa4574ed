import { VlmError } from "./errors";

/** What was waited for is not wanted any more. */
export function aborted(): VlmError {
  return new VlmError("aborted", "It was stopped.", "Start it again.");
}

/** Aborts with the first of them that does. */
export function anySignal(
  signal: AbortSignal,
  ...others: readonly (AbortSignal | undefined)[]
): AbortSignal {
  // None may also be null, for callers whom no compiler tells.
  const more = others.filter((other) => !!other);
  return more.length === 0 ? signal : AbortSignal.any([signal, ...more]);
}
