import { VlmError } from "./errors";

/** The error of an operation whose signal was aborted. */
export function aborted(): VlmError {
  return new VlmError(
    "aborted",
    "The operation was aborted.",
    "Start it again.",
  );
}

/** Aborts with the first of the signals that does. */
export function anySignal(
  signal: AbortSignal,
  ...others: readonly (AbortSignal | null | undefined)[]
): AbortSignal {
  const more = others.filter((other) => !!other);
  return more.length === 0 ? signal : AbortSignal.any([signal, ...more]);
}

/**
 * Settles as `work` does, but rejects with `aborted` as soon as `signal` aborts.
 * The work itself goes on.
 */
export function rejectWhenAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(aborted());
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort, { once: true });
    work
      .then(resolve, reject)
      .finally(() => signal?.removeEventListener("abort", onAbort));
  });
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
