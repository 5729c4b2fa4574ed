import { aborted } from "../shared/abort";

/** `work`, with `abort` sent to the worker once `signal` says so. */
export async function abortable<T>(
  signal: AbortSignal | undefined,
  work: Promise<T>,
  abort: () => Promise<void>,
): Promise<T> {
  // A failed abort means a dead worker, which `work` reports.
  const send = (): void => void abort().catch(() => undefined);
  if (signal?.aborted) send();
  signal?.addEventListener("abort", send);
  try {
    return await work;
  } finally {
    signal?.removeEventListener("abort", send);
  }
}

/** `work`, which nothing ends, until nobody wants it any more. */
export function rejectWhenAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(aborted());
    if (signal?.aborted) leave();
    signal?.addEventListener("abort", leave, { once: true });
    work
      .then(resolve, reject)
      .finally(() => signal?.removeEventListener("abort", leave));
  });
}
