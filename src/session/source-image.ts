import { rejectWhenAborted } from "../shared/abort";
import {
  captureElement,
  isVisualElement,
  type VisualElement,
} from "../capture/element-frame";
import { newImageId } from "../capture/image-id";
import { badOption } from "../shared/errors";
import { decodeImage } from "../capture/decode-image";
import { imageError, assertFrameOpen } from "../capture/image-errors";
import { toBitmap } from "../capture/to-bitmap";
import { describeValue } from "../shared/options";
import { openLive, type Stream } from "./live-source";
import { drawn, offscreenBitmap } from "./canvas-image";

/** What can be asked about: as it is now. It is left as it was. */
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
  /** An equal name is the same picture. */
  readonly name: string;
  readonly bitmap: ImageBitmap;
}

/** Sources whose pixels never change, and so need be looked at only once. */
const names = new WeakMap<Blob | ImageBitmap | VideoFrame, string>();

export function toSourceList(
  source: Source | readonly Source[],
): readonly Source[] {
  return [source].flat();
}

/** All, or none: rejects with `bad-image`, or `bad-option` for what is no picture
 * at all. */
export async function readImages(
  sources: readonly Source[],
  signal: AbortSignal,
): Promise<readonly SourceImage[]> {
  const taken = await Promise.allSettled(
    sources.map((source) => pictureOf(source, signal)),
  );
  const failed = taken.find(({ status }) => status === "rejected");
  const pictures = taken.flatMap((result) =>
    result.status === "fulfilled" ? [result.value] : [],
  );
  if (!failed) return pictures;
  for (const { bitmap } of pictures) bitmap.close();
  throw (failed as PromiseRejectedResult).reason;
}

async function pictureOf(
  source: Source,
  signal: AbortSignal,
): Promise<SourceImage> {
  const bitmap = await rejectWhenAborted(copyOf(source, signal), signal);
  return { bitmap, name: nameOf(source) };
}

function nameOf(source: Source): string {
  const constant =
    source instanceof Blob ||
    source instanceof ImageBitmap ||
    source instanceof VideoFrame;
  if (!constant) return newImageId();
  const name = names.get(source) ?? newImageId();
  names.set(source, name);
  return name;
}

async function copyOf(
  source: Source,
  signal: AbortSignal,
): Promise<ImageBitmap> {
  if (source instanceof Blob) return decodeImage(source);
  if (source instanceof VideoFrame) {
    assertFrameOpen(source);
    return toBitmap(source);
  }
  if (source instanceof ImageBitmap) return drawn(source, "The ImageBitmap");
  if (source instanceof ImageData) {
    const bitmap = await createImageBitmap(source);
    const copy = drawn(bitmap, "The ImageData");
    bitmap.close();
    return copy;
  }
  if (source instanceof OffscreenCanvas) return offscreenBitmap(source);
  if (isVisualElement(source)) {
    const frame = await captureElement(source, signal);
    try {
      return await toBitmap(frame);
    } finally {
      frame.close();
    }
  }
  if (source instanceof MediaStream || source instanceof MediaStreamTrack) {
    return readStream(source, signal);
  }
  throw badOption(
    `Unsupported image source: ${describeValue(source)}.`,
    "Pass a Blob or File, a video, img or canvas element, an OffscreenCanvas, ImageData, ImageBitmap, VideoFrame, MediaStream or MediaStreamTrack.",
  );
}

async function readStream(
  source: Stream,
  signal: AbortSignal,
): Promise<ImageBitmap> {
  const frames = await openLive(source, signal);
  try {
    const next = await frames.next();
    if (!next) throw imageError("The stream ended before its first frame.");
    const still = await toBitmap(next.frame);
    next.frame.close();
    return still;
  } finally {
    frames.close();
  }
}
