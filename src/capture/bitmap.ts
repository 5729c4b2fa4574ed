import { VlmError } from "../shared/errors";
import { isHdr, isVideoFrame } from "../shared/frames";
import type { Frame } from "../shared/protocol";

/** Copies a frame; HDR is converted to sRGB. */
export async function toBitmap(frame: Frame): Promise<ImageBitmap> {
  if (!isHdr(frame)) return createImageBitmap(frame);
  const { displayWidth, displayHeight } = frame;
  return drawBitmap(displayWidth, displayHeight, (context) =>
    context.drawImage(frame, 0, 0, displayWidth, displayHeight),
  );
}

/** The context of a transparent canvas in sRGB. */
export function createContext(
  width: number,
  height: number,
): OffscreenCanvasRenderingContext2D {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", {
    colorSpace: "srgb",
    willReadFrequently: true,
  });
  if (!context) throw new Error("Cannot create a 2D canvas context.");
  return context;
}

/** Renders `draw` in sRGB; pixels that it leaves out are transparent. */
export function drawBitmap(
  width: number,
  height: number,
  draw: (context: OffscreenCanvasRenderingContext2D) => void,
): ImageBitmap {
  const context = createContext(width, height);
  draw(context);
  return context.canvas.transferToImageBitmap();
}

/** How a page may read content from another origin. */
const canvasAdvice =
  "Load images with the crossorigin attribute before you draw them on it.";
const elementAdvice =
  'Set its attribute crossorigin="anonymous"; its server has to allow this page with Access-Control-Allow-Origin.';

export interface Size {
  readonly width: number;
  readonly height: number;
}

type Pixels = ImageBitmap | OffscreenCanvas | HTMLCanvasElement;

/** Copies pixels with their transparency; errors contain `name`. */
export function copyPixels(source: Pixels, name: string): ImageBitmap {
  if (source.width === 0 || source.height === 0) throw noPixels(name);
  try {
    return drawScaled(source, source);
  } catch (thrown) {
    throw unreadableImage(name, thrown, canvasAdvice);
  }
}

/** Draws `source` at the given size. Throws for content of another origin. */
export function drawScaled(
  source: CanvasImageSource,
  { width, height }: Size,
): ImageBitmap {
  return drawBitmap(width, height, (context) => {
    context.drawImage(source, 0, 0, width, height);
    // Throws for cross-origin content; the bitmap would throw later.
    context.getImageData(0, 0, 1, 1);
  });
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
  const width = isVideoFrame(frame) ? frame.codedWidth : frame.width;
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
