import { VlmError } from "../shared/errors";
import type { Frame } from "../shared/protocol";

/** Throws `bad-image` for a frame that is closed or has no pixels. */
export function assertFrameOpen(frame: Frame): void {
  const width = "codedWidth" in frame ? frame.codedWidth : frame.width;
  if (width === 0) throw imageError("The frame has no pixels or is closed.");
}

export function imageError(message: string, cause?: unknown): VlmError {
  return new VlmError(
    "bad-image",
    message,
    "Use another image: PNG, JPEG, WebP, AVIF, GIF or SVG.",
    { cause },
  );
}
