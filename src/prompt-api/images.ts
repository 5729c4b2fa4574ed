import { readImages, type Source } from "../session/source-image";
import { VlmError } from "../shared/errors";

/** Copies the images as they are now. The session recognises an ImageBitmap and
 * encodes it once. */
export async function copyImages(
  values: readonly unknown[],
  signal: AbortSignal,
): Promise<readonly ImageBitmap[]> {
  const sources = await Promise.all(values.map(sourceOf));
  const images = await readImages(sources, signal);
  return images.map(({ bitmap }) => bitmap);
}

async function sourceOf(value: unknown): Promise<Source> {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    return new Blob([value as BufferSource]);
  }
  if (value instanceof HTMLImageElement && !value.complete) {
    // An image that fails has no size; readImages rejects it.
    await value.decode().catch(() => undefined);
  }
  if (value instanceof HTMLVideoElement) assertHasFrame(value);
  if (value instanceof SVGImageElement) return createImageBitmap(value);
  return value as Source;
}

/** A session would wait until the video shows a frame, and block its queue. */
function assertHasFrame(video: HTMLVideoElement): void {
  if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
    try {
      new VideoFrame(video).close();
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
