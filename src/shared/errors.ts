/** The codes of all errors. */
export const errorCodes = [
  "aborted",
  "bad-image",
  "bad-option",
  "camera-busy",
  "camera-denied",
  "camera-missing",
  "device-lost",
  "download-failed",
  "internal",
  "license-needed",
  "model-corrupt",
  "model-file-missing",
  "model-mismatch",
  "not-loaded",
  "offline",
  "out-of-memory",
  "prompt-too-long",
  "screen-denied",
  "storage-full",
  "unsupported",
  "video-unreadable",
  "webgpu-unavailable",
  "worker-died",
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** The only error class. `message` says what failed, `advice` what to do next;
 * both are sentences for a person. */
export class VlmError extends Error {
  override readonly name = "VlmError";
  readonly code: ErrorCode;
  readonly advice: string;

  constructor(
    code: ErrorCode,
    message: string,
    advice: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.advice = advice;
  }

  /** Converts anything thrown; a `VlmError` is returned as it is. */
  static from(thrown: unknown): VlmError {
    if (thrown instanceof VlmError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new VlmError(
      "internal",
      message,
      "Reload the page; if it happens again, report it with this message.",
      { cause: thrown },
    );
  }
}

/** Ends a text with a full stop, which messages of libraries may have. */
export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** A `bad-option` error. The default advice is for options with a default. */
export function badOption(
  message: string,
  advice = "Correct the option, or leave it out to use its default.",
  options?: ErrorOptions,
): VlmError {
  return new VlmError("bad-option", message, advice, options);
}

export function notLoaded(): VlmError {
  return new VlmError(
    "not-loaded",
    "No model is loaded.",
    "Load a model first.",
  );
}
