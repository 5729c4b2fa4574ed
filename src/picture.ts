import { isWhole, pictureType } from "./picture-format";
import { VlmError } from "./shared/errors";

/**
 * A picture file as pixels, the way a page shows it: turned as its EXIF says,
 * transparent parts white. Everything unreadable is `bad-image`.
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
    const bitmap = await createImageBitmap(file, {
      imageOrientation: "from-image",
    });
    if (type === "jpeg") return bitmap;
    const { width, height } = bitmap;
    const opaque = await onWhite(bitmap, width, height);
    bitmap.close();
    return opaque;
  } catch (thrown) {
    throw bad(
      type
        ? `${name} could not be decoded: its data is damaged.`
        : `${name} is not a picture that this browser can read.`,
      thrown,
    );
  }
}

/** Pixels somebody else made; nothing to see is `bad-image`. */
export function checkFrame(frame: VideoFrame | ImageBitmap): void {
  const width = "codedWidth" in frame ? frame.codedWidth : frame.width;
  if (width === 0) throw bad("The frame has no pixels or is closed.");
}

async function readAll(file: Blob, name: string): Promise<ArrayBuffer> {
  try {
    return await file.arrayBuffer();
  } catch (thrown) {
    throw bad(`${name} could not be read.`, thrown);
  }
}

async function onWhite(
  source: ImageBitmap | HTMLImageElement,
  width: number,
  height: number,
): Promise<ImageBitmap> {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error("no canvas to draw on");
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0, width, height);
  return createImageBitmap(canvas);
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
    return await onWhite(image, naturalWidth || 300, naturalHeight || 150);
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
