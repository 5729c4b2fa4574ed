import { VlmError } from "../shared/errors";
import { drawBitmap, drawScaled, imageError } from "./bitmap";
import { imageType, isComplete, type ImageType } from "./image-format";
import { naturalSize, rasterSize, whenLoaded } from "./html-image";
import { withJpegEnd } from "./jpeg-end";
import { withPngEnd } from "./png-end";
import { isTurned, orient, webpOrientation } from "./webp-orientation";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * Decodes an image file to sRGB pixels: EXIF orientation applied, the first frame
 * of an animation. A vector image smaller than `side` is enlarged to it. Transparency
 * is kept. Rejects with `bad-image`.
 */
export async function decodeImage(
  file: Blob,
  side: number,
): Promise<ImageBitmap> {
  const name = file instanceof File ? `“${file.name}”` : "The image";
  if (file.size === 0) throw imageError(`${name} is empty.`);
  const bytes = new Uint8Array(await readAll(file, name));
  const type = imageType(bytes);
  try {
    const image = await decode(file, type, bytes, side);
    if (image) return image;
  } catch (thrown) {
    const isSvg = !type && isSvgFile(file, bytes);
    if (isSvg && !(await canDrawSvg())) throw svgBlocked(name, thrown);
    throw imageError(
      type || isSvg
        ? `${name} could not be decoded: it is damaged or too large.`
        : `${name} is not an image that this browser can decode.`,
      thrown,
    );
  }
  throw imageError(`${name} is truncated: the file ends inside the image.`);
}

async function readAll(file: Blob, name: string): Promise<ArrayBuffer> {
  try {
    return await file.arrayBuffer();
  } catch (thrown) {
    throw imageError(`${name} could not be read.`, thrown);
  }
}

/** Undefined if pixels are missing. */
async function decode(
  file: Blob,
  type: ImageType | undefined,
  bytes: Bytes,
  side: number,
): Promise<ImageBitmap | undefined> {
  const whole = await completeFile(file, type, bytes);
  if (!whole) return undefined;
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(whole, {
      imageOrientation: type === "webp" ? "none" : "from-image",
    });
  } catch (thrown) {
    if (type) throw thrown;
    // Browsers recognise other formats by their content, but not SVG.
    return renderSvg(file, side);
  }
  // Other formats may be HDR and are drawn in sRGB.
  if (type === "jpeg") return bitmap;
  const orientation = type === "webp" ? webpOrientation(bytes) : 1;
  const { width, height } = bitmap;
  const [w, h] = isTurned(orientation) ? [height, width] : [width, height];
  try {
    return drawBitmap(w, h, (context) => {
      context.setTransform(...orient(orientation, width, height));
      context.drawImage(bitmap, 0, 0);
    });
  } finally {
    bitmap.close();
  }
}

/** The file with its type and an end marker; undefined if pixels are missing. */
async function completeFile(
  file: Blob,
  type: ImageType | undefined,
  bytes: Bytes,
): Promise<Blob | undefined> {
  const isWhole = isComplete(bytes, type);
  if (isWhole === false) return undefined;
  if (isWhole === undefined) {
    return type === "png" ? withPngEnd(bytes) : withJpegEnd(bytes);
  }
  // The declared type may be missing or wrong.
  return type ? new Blob([file], { type: `image/${type}` }) : file;
}

const svgType = "image/svg+xml";

function isSvgFile({ type }: Blob, bytes: Bytes): boolean {
  return type === svgType || /<svg[\s>]/.test(new TextDecoder().decode(bytes));
}

/** Whether this page may draw a valid SVG. Browsers do not say why an image failed. */
async function canDrawSvg(): Promise<boolean> {
  const valid = `<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>`;
  try {
    (await renderSvg(new Blob([valid]), 1)).close();
    return true;
  } catch {
    return false;
  }
}

function svgBlocked(name: string, cause: unknown): VlmError {
  return new VlmError(
    "bad-image",
    `${name} is an SVG, and the Content-Security-Policy of this page blocks images from blob: URLs.`,
    "Add blob: to img-src in the page's Content-Security-Policy, or use another image: PNG, JPEG, WebP, AVIF or GIF.",
    { cause },
  );
}

/** Browsers decode SVG only in an img element, and only if it has this type. */
async function renderSvg(file: Blob, side: number): Promise<ImageBitmap> {
  const url = URL.createObjectURL(new Blob([file], { type: svgType }));
  try {
    const image = new Image();
    image.src = url;
    await whenLoaded(image);
    return drawScaled(image, rasterSize(naturalSize(image), side));
  } finally {
    URL.revokeObjectURL(url);
  }
}
