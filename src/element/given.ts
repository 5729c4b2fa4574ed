import { decodePicture } from "../picture";
import type { Frame } from "../shared/protocol";

export type Picture = Blob | Frame;

/** What a question may come with; nothing: the newest frame of the source. */
export type Given = Picture | readonly Picture[] | null | undefined;

/** Pictures as frames of ours. */
interface Decoded {
  readonly frames: readonly Frame[];
  /** Null where a frame was handed over: nobody can ask about it again. */
  readonly names: readonly (string | null)[];
}

const namesOfBlobs = new WeakMap<Blob, string>();
let blobs = 0;

/** Pictures handed over as frames are consumed. */
export async function decodeAll(given: Given): Promise<Decoded | undefined> {
  if (!given) return undefined;
  const pictures = isList(given) ? given : [given];
  const decoded = await Promise.allSettled(pictures.map(decode));
  const frames = decoded.flatMap((result) =>
    result.status === "fulfilled" ? [result.value] : [],
  );
  const failed = decoded.find((result) => result.status === "rejected");
  if (!failed) return { frames, names: pictures.map(nameOf) };
  for (const frame of frames) frame.close();
  throw failed.reason;
}

function nameOf(picture: Picture): string | null {
  if (!(picture instanceof Blob)) return null;
  const name = namesOfBlobs.get(picture) ?? `file ${++blobs}`;
  namesOfBlobs.set(picture, name);
  return name;
}

async function decode(picture: Picture): Promise<Frame> {
  return picture instanceof Blob ? decodePicture(picture) : picture;
}

function isList(
  given: Picture | readonly Picture[],
): given is readonly Picture[] {
  return Array.isArray(given);
}
