import { aborted } from "../shared/abort";
import {
  createContext,
  drawScaled,
  imageError,
  unreadableImage,
  type Size,
} from "./bitmap";

/** Waits until an img element has loaded its image, or failed to. Not with `decode`,
 * which waits for the page to be painted. */
export function whenLoaded(
  image: HTMLImageElement,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const listening = new AbortController();
    const options = { signal: listening.signal };
    const check = (): void => {
      if (signal?.aborted) reject(aborted());
      else if (image.complete) {
        // Its load event may come in the next task.
        setTimeout(resolve);
      } else return;
      listening.abort();
    };
    image.addEventListener("load", check, options);
    image.addEventListener("error", check, options);
    signal?.addEventListener("abort", check, options);
    check();
  });
}

/** The image of a loaded img element in pixels of its file; a vector image smaller
 * than `side` is enlarged to it. Errors contain `name`. */
export async function copyImage(
  image: HTMLImageElement,
  name: string,
  side: number,
): Promise<ImageBitmap> {
  if (!image.currentSrc) throw imageError(`${name} has no image to load.`);
  // Vector images without a size have no bitmap. The natural size of others is that
  // of the file divided by the density in srcset.
  const bitmap = await createImageBitmap(image).catch(() => undefined);
  try {
    if (bitmap && !isSmallVector(image, bitmap, side)) {
      return drawScaled(bitmap, bitmap);
    }
    return drawScaled(image, rasterSize(bitmap ?? naturalSize(image), side));
  } catch (thrown) {
    throw thrown instanceof DOMException && thrown.name === "InvalidStateError"
      ? imageError(`${name} could not be loaded or decoded.`, thrown)
      : unreadableImage(name, thrown);
  } finally {
    bitmap?.close();
  }
}

/** Size in CSS pixels. A vector image without a size has that of its element, or
 * the default size of replaced elements. */
export function naturalSize(image: HTMLImageElement): Size {
  return {
    width: image.naturalWidth || image.width || 300,
    height: image.naturalHeight || image.height || 150,
  };
}

/** The size at which a vector image of this natural size is rasterized: its longest
 * side is at least `side`, since enlarging the pixels would blur them. */
export function rasterSize({ width, height }: Size, side: number): Size {
  const scale = Math.max(1, side / Math.max(width, height));
  return {
    width: Math.max(1, Math.round(width * scale)),
    height: Math.max(1, Math.round(height * scale)),
  };
}

/**
 * Whether an image gets sharper when it is enlarged; false if it is large enough.
 * Pages cannot ask for the type of an image, but pixels that are doubled without
 * smoothing are equal in squares of 2 x 2.
 */
function isSmallVector(
  image: HTMLImageElement,
  { width, height }: Size,
  side: number,
): boolean {
  if (Math.max(width, height) >= side) return false;
  const [columns, rows] = [width * 2, height * 2];
  const context = createContext(columns, rows);
  context.imageSmoothingEnabled = false;
  context.drawImage(image, 0, 0, columns, rows);
  const { data } = context.getImageData(0, 0, columns, rows);
  const pixels = new Uint32Array(data.buffer);
  for (let row = 0; row < pixels.length; row += columns * 2) {
    for (let at = row; at < row + columns; at += 2) {
      const pixel = pixels[at];
      const below = at + columns;
      if (
        pixel !== pixels[at + 1] ||
        pixel !== pixels[below] ||
        pixel !== pixels[below + 1]
      ) {
        return true;
      }
    }
  }
  return false;
}
