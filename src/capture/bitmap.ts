import { VlmError } from "../shared/errors";
import type { Frame } from "../shared/protocol";

/** Copies a frame; HDR is converted to sRGB, because bitmaps of HDR frames lose
 * their colours when Chromium copies them to a GPU. */
export async function toBitmap(frame: Frame): Promise<ImageBitmap> {
  const hdr =
    frame instanceof VideoFrame && HDR.includes(frame.colorSpace.transfer);
  if (!hdr) return createImageBitmap(frame);
  const { displayWidth, displayHeight } = frame;
  return drawOnBlack(displayWidth, displayHeight, (context) =>
    context.drawImage(frame, 0, 0, displayWidth, displayHeight),
  );
}

/** HDR transfer functions; TypeScript declares those of SDR only. */
const HDR: readonly (string | null)[] = ["pq", "hlg"];

/** Renders `draw` in sRGB on opaque black. */
export function drawOnBlack(
  width: number,
  height: number,
  draw: (context: OffscreenCanvasRenderingContext2D) => void,
): ImageBitmap {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", {
    alpha: false,
    colorSpace: "srgb",
    willReadFrequently: true,
  });
  if (!context) throw new Error("Cannot create a 2D canvas context.");
  draw(context);
  return canvas.transferToImageBitmap();
}

/** Copies pixels, which may be transparent, onto black; `name` is for errors. */
export function copyOnBlack(
  source: ImageBitmap | OffscreenCanvas,
  name: string,
): ImageBitmap {
  const { width, height } = source;
  if (width === 0 || height === 0) throw noPixels(name);
  try {
    return drawOnBlack(width, height, (context) => {
      context.drawImage(source, 0, 0);
      // Throws for cross-origin content; the bitmap would throw later.
      context.getImageData(0, 0, 1, 1);
    });
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === "SecurityError") {
      throw new VlmError(
        "bad-image",
        `${name} contains content from another origin, which this page may not read.`,
        "Draw only images that were loaded with the crossorigin attribute.",
        { cause: thrown },
      );
    }
    throw imageError(`${name} could not be read.`, thrown);
  }
}

/** Throws `bad-image` for a frame that is closed or has no pixels. */
export function assertFrameOpen(frame: Frame): void {
  const width = "codedWidth" in frame ? frame.codedWidth : frame.width;
  if (width > 0) return;
  throw new VlmError(
    "bad-image",
    "The frame has no pixels or is closed.",
    "Pass a frame that has pixels, and close it only after the answer.",
  );
}

export function noPixels(name: string): VlmError {
  return new VlmError(
    "bad-image",
    `${name} has no pixels.`,
    "Give it a width and a height of at least 1 pixel.",
  );
}

export function imageError(message: string, cause?: unknown): VlmError {
  return new VlmError(
    "bad-image",
    message,
    "Use another image: PNG, JPEG, WebP, AVIF, GIF or SVG.",
    { cause },
  );
}
