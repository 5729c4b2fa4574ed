import { VlmError } from "../shared/errors";
import { isHdr } from "../shared/hdr";
import type { Frame } from "../shared/protocol";

/** Copies a frame; HDR is converted to sRGB. */
export async function toBitmap(frame: Frame): Promise<ImageBitmap> {
  if (!isHdr(frame)) return createImageBitmap(frame);
  const { displayWidth, displayHeight } = frame;
  return drawOnBlack(displayWidth, displayHeight, (context) =>
    context.drawImage(frame, 0, 0, displayWidth, displayHeight),
  );
}

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

/** How a page may read content from another origin. */
const canvasAdvice =
  "Load images with the crossorigin attribute before you draw them on it.";
const elementAdvice =
  'Set its attribute crossorigin="anonymous"; its server has to allow this page with Access-Control-Allow-Origin.';

type Pixels =
  ImageBitmap | OffscreenCanvas | HTMLCanvasElement | HTMLImageElement;

/** Copies pixels, which may be transparent, onto black; errors contain `name`. */
export function copyOnBlack(
  source: Pixels,
  name: string,
  { width, height }: { width: number; height: number } = source,
): ImageBitmap {
  if (!(width > 0 && height > 0)) throw noPixels(name);
  try {
    return drawOnBlack(width, height, (context) => {
      context.drawImage(source, 0, 0, width, height);
      // Throws for cross-origin content; the bitmap would throw later.
      context.getImageData(0, 0, 1, 1);
    });
  } catch (thrown) {
    const isImage = "naturalWidth" in source;
    throw unreadableImage(name, thrown, isImage ? elementAdvice : canvasAdvice);
  }
}

/** The error of pixels that could not be read: from another origin, or damaged. */
export function unreadableImage(
  name: string,
  cause: unknown,
  crossOriginAdvice = elementAdvice,
): VlmError {
  if (!(cause instanceof DOMException && cause.name === "SecurityError")) {
    return imageError(`${name} could not be read.`, cause);
  }
  return new VlmError(
    "bad-image",
    `${name} contains content from another origin, which this page may not read.`,
    crossOriginAdvice,
    { cause },
  );
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

function noPixels(name: string): VlmError {
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
