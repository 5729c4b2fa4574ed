import { VlmError, type ErrorCode } from "../shared/errors";

const NAMES: Partial<Record<ErrorCode, string>> = {
  aborted: "AbortError",
  "bad-image": "InvalidStateError",
  "bad-option": "NotSupportedError",
  "license-needed": "NotAllowedError",
  "model-corrupt": "OperationError",
  "model-file-missing": "NotSupportedError",
  "model-mismatch": "NotSupportedError",
  "out-of-memory": "OperationError",
  "download-failed": "NetworkError",
  offline: "NetworkError",
  unsupported: "NotSupportedError",
  "webgpu-unavailable": "NotSupportedError",
};

/** Converts a `VlmError` to the DOMException of the Prompt API, with the error as
 * its cause. Other values, such as abort reasons, are returned as they are. */
export function asDomException(thrown: unknown): unknown {
  if (!(thrown instanceof VlmError)) return thrown;
  const { code, message, advice } = thrown;
  const name = NAMES[code] ?? "UnknownError";
  const exception = new DOMException(`${message} ${advice}`, name);
  Object.defineProperty(exception, "cause", { value: thrown });
  return exception;
}

export function notSupported(message: string): DOMException {
  return new DOMException(message, "NotSupportedError");
}

export function destroyed(): DOMException {
  return new DOMException("The session was destroyed.", "InvalidStateError");
}

class QuotaExceededErrorPolyfill extends DOMException {
  /** Tokens requested; null if unknown. */
  readonly requested: number | null;
  /** Tokens available; null if unknown. */
  readonly quota: number | null;

  constructor(
    message: string,
    { requested, quota }: Partial<QuotaExceeded> = {},
  ) {
    super(message, "QuotaExceededError");
    this.requested = requested ?? null;
    this.quota = quota ?? null;
  }
}

interface QuotaExceeded {
  readonly requested: number;
  readonly quota: number;
}

/** The platform's class where it exists. */
export const QuotaExceededError =
  (globalThis as { QuotaExceededError?: typeof QuotaExceededErrorPolyfill })
    .QuotaExceededError ?? QuotaExceededErrorPolyfill;

export type QuotaExceededError = InstanceType<typeof QuotaExceededError>;

export function quotaExceeded(requested: number, quota: number): DOMException {
  return new QuotaExceededError(
    `The input needs ${requested} tokens; the context window has ${quota}.`,
    // The platform's constructor rejects requested < quota.
    { requested: Math.max(requested, quota), quota },
  );
}

/** The error of an answer that ends before its end. */
export function answerTruncated(tokens: number): DOMException {
  return new QuotaExceededError(
    `The answer was truncated after ${tokens} tokens: it does not fit in the context window, or reaches the maximum length.`,
  );
}

/** Rejects with the signal's reason as soon as it aborts. */
export function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work
      .then(resolve, (thrown: unknown) => {
        reject(
          (signal.aborted ? signal.reason : asDomException(thrown)) as Error,
        );
      })
      .finally(() => signal.removeEventListener("abort", abort));
  });
}
