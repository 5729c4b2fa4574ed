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

/** As the Prompt API names failures; the `VlmError` is the cause. Whatever is no
 * `VlmError` is itself: reasons of signals, errors of the page. */
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

class OwnQuotaExceededError extends DOMException {
  /** Tokens asked for. */
  readonly requested: number;
  /** Tokens that there are. */
  readonly quota: number;

  constructor(message: string, { requested, quota }: QuotaExceeded) {
    super(message, "QuotaExceededError");
    this.requested = requested;
    this.quota = quota;
  }
}

interface QuotaExceeded {
  readonly requested: number;
  readonly quota: number;
}

/** The platform's own, where it has one. */
export const QuotaExceededError =
  (globalThis as { QuotaExceededError?: typeof OwnQuotaExceededError })
    .QuotaExceededError ?? OwnQuotaExceededError;

export type QuotaExceededError = InstanceType<typeof QuotaExceededError>;

export function quotaExceeded(requested: number, quota: number): DOMException {
  return new QuotaExceededError(
    `The input has ${requested} tokens; there is room for ${quota}.`,
    // Less than there is would be no reason.
    { requested: Math.max(requested, quota), quota },
  );
}

/** `work`, left with the signal's own reason. */
export function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    // The reason may be anything, and has to be handed on as it is.
    const leave = (): void => reject(signal.reason as Error);
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    work
      .then(resolve, (thrown: unknown) => {
        reject(
          (signal.aborted ? signal.reason : asDomException(thrown)) as Error,
        );
      })
      .finally(() => signal.removeEventListener("abort", leave));
  });
}
