import { drawOnBlack, imageError } from "./bitmap";
import { isTurned, orient, webpOrientation } from "./webp-orientation";
import { isComplete, imageType } from "./image-format";

/**
 * Decodes an image file to opaque sRGB pixels: EXIF orientation applied,
 * transparency blended with black, the first frame of an animation. Rejects with
 * `bad-image`.
 *
 * Black is the padding colour of the training images. Pillow's convert("RGB")
 * drops alpha instead and shows the colour stored in transparent pixels.
 */
export async function decodeImage(file: Blob): Promise<ImageBitmap> {
  const name = file instanceof File ? `“${file.name}”` : "The image";
  if (file.size === 0) throw imageError(`${name} is empty.`);
  const bytes = new Uint8Array(await readAll(file, name));
  const declared = file.type === "image/svg+xml" ? "svg" : undefined;
  const type = imageType(bytes) ?? declared;
  if (!isComplete(bytes, type)) {
    throw imageError(`${name} is truncated: the file ends inside the image.`);
  }
  try {
    if (type === "svg") return await renderSvg(file);
    const orientation = type === "webp" ? webpOrientation(bytes) : 1;
    const bitmap = await createImageBitmap(file, {
      imageOrientation: type === "webp" ? "none" : "from-image",
      premultiplyAlpha: "premultiply",
      colorSpaceConversion: "default",
    });
    // JPEG has no alpha, so a second copy of a large photograph is not needed.
    if (type === "jpeg") return bitmap;
    const { width, height } = bitmap;
    const opaque = drawn(bitmap, width, height, orientation);
    bitmap.close();
    return opaque;
  } catch (thrown) {
    throw imageError(
      type
        ? `${name} could not be decoded: it is damaged or too large.`
        : `${name} is not an image that this browser can decode.`,
      thrown,
    );
  }
}

async function readAll(file: Blob, name: string): Promise<ArrayBuffer> {
  try {
    return await file.arrayBuffer();
  } catch (thrown) {
    throw imageError(`${name} could not be read.`, thrown);
  }
}

function drawn(
  source: ImageBitmap | HTMLImageElement,
  width: number,
  height: number,
  orientation = 1,
): ImageBitmap {
  const [w, h] = isTurned(orientation) ? [height, width] : [width, height];
  return drawOnBlack(w, h, (context) => {
    context.setTransform(...orient(orientation, width, height));
    context.drawImage(source, 0, 0, width, height);
  });
}

/** Browsers decode SVG only in an img element, and a Blob only if its type is
 * `image/svg+xml`. */
async function renderSvg(file: Blob): Promise<ImageBitmap> {
  const typed = new Blob([file], { type: "image/svg+xml" });
  const url = URL.createObjectURL(typed);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    // An SVG without a size gets the default size of replaced elements in CSS.
    const { naturalWidth, naturalHeight } = image;
    return drawn(image, naturalWidth || 300, naturalHeight || 150);
  } finally {
    URL.revokeObjectURL(url);
  }
}
