import { leaveWhenAborted } from "../runtime/abortable";
import { frameOf, isLookedAt, type LookedAt } from "../look/looked-at";
import { newName } from "../look/names";
import { badOption } from "../options";
import { decodePicture } from "../look/picture";
import { badImage, checkFrame } from "../look/bad-image";
import { stillOf } from "../look/still";
import { kindOf } from "./kinds";
import { openLive, type Stream } from "./live";
import { drawn, offscreenBitmap } from "./offscreen";

/** What can be asked about: as it is now. It is left as it was. */
export type Source =
  | Blob
  | ImageData
  | LookedAt
  | Stream
  | OffscreenCanvas
  | ImageBitmap
  | VideoFrame;

/** A copy of a source's pixels. */
export interface Picture {
  /** An equal name is the same picture. */
  readonly name: string;
  readonly bitmap: ImageBitmap;
}

/** Sources whose pixels never change, and so need be looked at only once. */
const names = new WeakMap<Blob | ImageBitmap | VideoFrame, string>();

export function listOf(source: Source | readonly Source[]): readonly Source[] {
  return [source].flat();
}

/** All, or none: rejects with `bad-image`, or `bad-option` for what is no picture
 * at all. */
export async function picturesOf(
  sources: readonly Source[],
  signal: AbortSignal,
): Promise<readonly Picture[]> {
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
): Promise<Picture> {
  const bitmap = await leaveWhenAborted(copyOf(source, signal), signal);
  return { bitmap, name: nameOf(source) };
}

function nameOf(source: Source): string {
  const constant =
    source instanceof Blob ||
    source instanceof ImageBitmap ||
    source instanceof VideoFrame;
  if (!constant) return newName();
  const name = names.get(source) ?? newName();
  names.set(source, name);
  return name;
}

async function copyOf(
  source: Source,
  signal: AbortSignal,
): Promise<ImageBitmap> {
  if (source instanceof Blob) return decodePicture(source);
  if (source instanceof VideoFrame) {
    checkFrame(source);
    return stillOf(source);
  }
  if (source instanceof ImageBitmap) return drawn(source, "The ImageBitmap");
  if (source instanceof ImageData) {
    const bitmap = await createImageBitmap(source);
    const copy = drawn(bitmap, "The ImageData");
    bitmap.close();
    return copy;
  }
  if (source instanceof OffscreenCanvas) return offscreenBitmap(source);
  if (isLookedAt(source)) {
    const frame = await frameOf(source, signal);
    try {
      return await stillOf(frame);
    } finally {
      frame.close();
    }
  }
  if (source instanceof MediaStream || source instanceof MediaStreamTrack) {
    return readStream(source, signal);
  }
  throw badOption(
    `This is no picture: ${kindOf(source)}.`,
    "Give a Blob or File, a video, img or canvas element, an OffscreenCanvas, ImageData, ImageBitmap, VideoFrame, MediaStream or MediaStreamTrack.",
  );
}

async function readStream(
  source: Stream,
  signal: AbortSignal,
): Promise<ImageBitmap> {
  const frames = await openLive(source, signal);
  try {
    const next = await frames.next();
    if (!next) throw badImage("The stream ended before it gave a picture.");
    const still = await stillOf(next.frame);
    next.frame.close();
    return still;
  } finally {
    frames.close();
  }
}
