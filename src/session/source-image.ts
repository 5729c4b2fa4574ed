import { rejectWhenAborted } from "../shared/abort";
import {
  captureElement,
  isVisualElement,
  type VisualElement,
} from "../capture/element-frame";
import { assertFrameOpen, copyPixels, toBitmap } from "../capture/bitmap";
import { decodeImage } from "../capture/decode-image";
import { newImageId, nextFrame } from "../capture/frame-source";
import { badOption, VlmError } from "../shared/errors";
import { isVideoFrame } from "../shared/frames";
import { describeValue } from "../shared/options";
import { openLive, type Stream } from "../capture/live-source";

/** The input of a request. It is read when the method is called and left
 * unchanged. */
export type Source =
  | Blob
  | ImageData
  | VisualElement
  | Stream
  | OffscreenCanvas
  | ImageBitmap
  | VideoFrame;

/** A copy of a source's pixels. */
export interface SourceImage {
  /** Equal for the same image. */
  readonly imageId: string;
  readonly bitmap: ImageBitmap;
}

/** Ids of sources whose pixels never change: they are encoded only once. */
const imageIds = new WeakMap<Blob | ImageBitmap | VideoFrame, string>();

/** Copies all sources, or none: rejects with `bad-image`, or with `bad-option` for
 * something that is no source. Vector images smaller than `side` are enlarged to
 * it. */
export async function readImages(
  sources: readonly Source[],
  side: number,
  signal: AbortSignal,
): Promise<readonly SourceImage[]> {
  const results = await Promise.allSettled(
    sources.map((source) => readImage(source, side, signal)),
  );
  const failed = results.find(({ status }) => status === "rejected");
  const images = results.flatMap((result) =>
    result.status === "fulfilled" ? [result.value] : [],
  );
  if (!failed) return images;
  for (const { bitmap } of images) bitmap.close();
  throw (failed as PromiseRejectedResult).reason;
}

async function readImage(
  source: Source,
  side: number,
  signal: AbortSignal,
): Promise<SourceImage> {
  const copying = copyOf(source, side, signal);
  try {
    const bitmap = await rejectWhenAborted(copying, signal);
    const imageId = constantImageId(source) ?? newImageId();
    return { bitmap, imageId: `${imageId} ${side}` };
  } catch (thrown) {
    copying.then(
      (bitmap) => bitmap.close(),
      () => undefined,
    );
    throw thrown;
  }
}

/** Undefined for a source whose pixels may change. */
export function constantImageId(source: Source): string | undefined {
  const constant =
    source instanceof Blob ||
    source instanceof ImageBitmap ||
    isVideoFrame(source);
  if (!constant) return undefined;
  const imageId = imageIds.get(source) ?? newImageId();
  imageIds.set(source, imageId);
  return imageId;
}

async function copyOf(
  source: Source,
  side: number,
  signal: AbortSignal,
): Promise<ImageBitmap> {
  if (source instanceof Blob) return decodeImage(source, side);
  if (isVideoFrame(source)) {
    assertFrameOpen(source);
    return toBitmap(source);
  }
  if (source instanceof ImageBitmap) {
    assertFrameOpen(source);
    return copyPixels(source, "The ImageBitmap");
  }
  if (source instanceof ImageData) {
    const bitmap = await createImageBitmap(source);
    const copy = copyPixels(bitmap, "The ImageData");
    bitmap.close();
    return copy;
  }
  if (source instanceof OffscreenCanvas) {
    return copyPixels(source, "The OffscreenCanvas");
  }
  if (isVisualElement(source)) {
    const frame = await captureElement(source, side, signal);
    try {
      return await toBitmap(frame);
    } finally {
      frame.close();
    }
  }
  if (source instanceof MediaStream || source instanceof MediaStreamTrack) {
    return readStream(source, side, signal);
  }
  throw badOption(
    `Unsupported image source: ${describeValue(source)}.`,
    "Pass a Blob or File, a video, img or canvas element, an OffscreenCanvas, ImageData, ImageBitmap, VideoFrame, MediaStream or MediaStreamTrack.",
  );
}

async function readStream(
  source: Stream,
  side: number,
  signal: AbortSignal,
): Promise<ImageBitmap> {
  const reading = new AbortController();
  const frames = await openLive(
    source,
    AbortSignal.any([signal, reading.signal]),
  );
  try {
    const captured = await nextFrame(frames, signal, side);
    if (!captured) throw streamEnded();
    const bitmap = await toBitmap(captured.frame);
    captured.frame.close();
    return bitmap;
  } finally {
    reading.abort();
  }
}

function streamEnded(): VlmError {
  return new VlmError(
    "bad-image",
    "The stream ended before its first frame.",
    "Start the camera or the capture again and pass its new stream.",
  );
}
