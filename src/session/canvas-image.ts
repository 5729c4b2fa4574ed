import { VlmError } from "../shared/errors";
import { imageError } from "../capture/image-errors";
import { drawOnBlack } from "../capture/to-bitmap";

/** What an OffscreenCanvas shows now. */
export function offscreenBitmap(canvas: OffscreenCanvas): ImageBitmap {
  return drawn(canvas, "The OffscreenCanvas");
}

/** A copy of pixels that may be transparent, on black. */
export function drawn(
  source: ImageBitmap | OffscreenCanvas,
  name: string,
): ImageBitmap {
  const { width, height } = source;
  if (width === 0 || height === 0) throw imageError(`${name} has no pixels.`);
  try {
    return drawOnBlack(width, height, (context) => {
      context.drawImage(source, 0, 0);
      // Throws for what is of another origin; a bitmap would throw later.
      context.getImageData(0, 0, 1, 1);
    });
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === "SecurityError") {
      throw new VlmError(
        "bad-image",
        `${name} has content of another origin that this page may not read.`,
        "Draw only images on it that were loaded with crossorigin.",
        { cause: thrown },
      );
    }
    throw imageError(`${name} could not be read.`, thrown);
  }
}
