import { readImages, type Source } from "../session/source-image";
import { VlmError } from "../shared/errors";

/** Pictures as they are now, which stay what they are: the session knows each
 * of them again and encodes it once. */
export async function copyImages(
  values: readonly unknown[],
  signal: AbortSignal,
): Promise<readonly ImageBitmap[]> {
  const sources = await Promise.all(values.map(sourceOf));
  const pictures = await readImages(sources, signal);
  return pictures.map(({ bitmap }) => bitmap);
}

async function sourceOf(value: unknown): Promise<Source> {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    return new Blob([value as BufferSource]);
  }
  if (value instanceof HTMLImageElement && !value.complete) {
    // One that fails has no size, which is told of below.
    await value.decode().catch(() => undefined);
  }
  if (value instanceof HTMLVideoElement) checkShown(value);
  if (value instanceof SVGImageElement) return createImageBitmap(value);
  return value as Source;
}

/** A session would wait until it shows something, and all that comes with it. */
function checkShown(video: HTMLVideoElement): void {
  if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
    try {
      new VideoFrame(video).close();
      return;
    } catch (thrown) {
      // Of another origin: told of below.
      if ((thrown as DOMException).name === "SecurityError") return;
    }
  }
  throw new VlmError("bad-image", "The video shows nothing yet.", "Play it.");
}
