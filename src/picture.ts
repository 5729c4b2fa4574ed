import { isTurned, orient, webpOrientation } from "./exif";
import { isWhole, pictureType } from "./picture-format";
import { VlmError } from "./shared/errors";
import type { Frame } from "./shared/protocol";

/**
 * A picture file as opaque pixels: turned as its EXIF says, in sRGB, lying on
 * black, the first of several. Everything unreadable is `bad-image`.
 *
 * Black is what surrounds every picture of the training. Pillow's
 * convert("RGB"), in contrast, drops alpha and shows the colour that a
 * transparent pixel happens to have.
 */
export async function decodePicture(file: Blob): Promise<ImageBitmap> {
  const name = file instanceof File ? `“${file.name}”` : "The picture";
  if (file.size === 0) throw bad(`${name} is empty.`);
  const bytes = new Uint8Array(await readAll(file, name));
  const declared = file.type === "image/svg+xml" ? "svg" : undefined;
  const type = pictureType(bytes) ?? declared;
  if (!isWhole(bytes, type)) {
    throw bad(`${name} is cut off: the file ends inside the picture.`);
  }
  try {
    if (type === "svg") return await renderSvg(file);
    const orientation = type === "webp" ? webpOrientation(bytes) : 1;
    const bitmap = await createImageBitmap(file, {
      imageOrientation: type === "webp" ? "none" : "from-image",
      premultiplyAlpha: "premultiply",
      colorSpaceConversion: "default",
    });
    // It has no alpha; a second copy of a large photograph is saved.
    if (type === "jpeg") return bitmap;
    const { width, height } = bitmap;
    const opaque = onBlack(bitmap, width, height, orientation);
    bitmap.close();
    return opaque;
  } catch (thrown) {
    throw bad(
      type
        ? `${name} could not be decoded: it is damaged, or too large.`
        : `${name} is not a picture that this browser can read.`,
      thrown,
    );
  }
}

/** Pixels somebody else made; nothing to see is `bad-image`. */
export function checkFrame(frame: Frame): void {
  const width = "codedWidth" in frame ? frame.codedWidth : frame.width;
  if (width === 0) throw bad("The frame has no pixels or is closed.");
}

/** A frame as it is now, HDR as sRGB: bitmaps of HDR frames lose their colours
 * when Chromium copies them to a GPU. */
export async function stillOf(frame: Frame): Promise<ImageBitmap> {
  return frame instanceof VideoFrame && HDR.includes(frame.colorSpace.transfer)
    ? onBlack(frame, frame.displayWidth, frame.displayHeight)
    : createImageBitmap(frame);
}

/** Transfer functions, of which TypeScript knows those of SDR only. */
const HDR: readonly (string | null)[] = ["pq", "hlg"];

async function readAll(file: Blob, name: string): Promise<ArrayBuffer> {
  try {
    return await file.arrayBuffer();
  } catch (thrown) {
    throw bad(`${name} could not be read.`, thrown);
  }
}

function onBlack(
  source: ImageBitmap | HTMLImageElement | VideoFrame,
  width: number,
  height: number,
  orientation = 1,
): ImageBitmap {
  const canvas = isTurned(orientation)
    ? new OffscreenCanvas(height, width)
    : new OffscreenCanvas(width, height);
  // An opaque canvas is black where nothing covers it.
  const context = canvas.getContext("2d", {
    alpha: false,
    colorSpace: "srgb",
    willReadFrequently: true,
  });
  if (!context) throw new Error("no canvas to draw on");
  context.setTransform(...orient(orientation, width, height));
  context.drawImage(source, 0, 0, width, height);
  return canvas.transferToImageBitmap();
}

/** Only an image element draws SVG, and a Blob only as `image/svg+xml`. */
async function renderSvg(file: Blob): Promise<ImageBitmap> {
  const typed = new Blob([file], { type: "image/svg+xml" });
  const url = URL.createObjectURL(typed);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    // One that names no size of its own gets what CSS gives such elements.
    const { naturalWidth, naturalHeight } = image;
    return onBlack(image, naturalWidth || 300, naturalHeight || 150);
  } finally {
    URL.revokeObjectURL(url);
  }
}

function bad(message: string, cause?: unknown): VlmError {
  return new VlmError(
    "bad-image",
    message,
    "Choose another picture: PNG, JPEG, WebP, AVIF, GIF or SVG.",
    { cause },
  );
}
