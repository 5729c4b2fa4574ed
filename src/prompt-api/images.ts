import { currentFrame, isSettled } from "../capture/element-frame";
import { readImages, type Source } from "../session/source-image";
import { VlmError } from "../shared/errors";
import { holdImages } from "./held-images";

/** Copies the images as they are now, and holds the copies. The session recognises an
 * ImageBitmap and encodes it once. Vector images smaller than `side` are enlarged. */
export async function copyImages(
  values: readonly unknown[],
  side: number,
  signal: AbortSignal,
): Promise<readonly ImageBitmap[]> {
  const drawn: ImageBitmap[] = [];
  const results = await Promise.allSettled(
    values.map((value) => sourceOf(value, drawn)),
  );
  try {
    const sources = results.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
    const images = await readImages(sources, side, signal);
    const bitmaps = images.map(({ bitmap }) => bitmap);
    holdImages(bitmaps);
    return bitmaps;
  } finally {
    for (const bitmap of drawn) bitmap.close();
  }
}

/** Adds bitmaps that it creates to `drawn`. */
async function sourceOf(value: unknown, drawn: ImageBitmap[]): Promise<Source> {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    return new Blob([value as BufferSource]);
  }
  if (value instanceof HTMLVideoElement) assertHasFrame(value);
  if (value instanceof SVGImageElement) {
    const bitmap = await createImageBitmap(value);
    drawn.push(bitmap);
    return bitmap;
  }
  return value as Source;
}

/** A session would wait until the video shows a frame, and block its queue. */
function assertHasFrame(video: HTMLVideoElement): void {
  if (isSettled(video)) {
    try {
      currentFrame(video).close();
      return;
    } catch (thrown) {
      // Cross-origin: readImages rejects it.
      if ((thrown as DOMException).name === "SecurityError") return;
    }
  }
  throw new VlmError(
    "bad-image",
    "The video has no frame yet.",
    "Wait for its loadeddata event, or play it.",
  );
}
