import { decodePicture } from "../picture";
import type { Frame } from "../shared/protocol";

export type Picture = Blob | Frame;

/** What a question may come with; nothing: the newest frame of the source. */
export type Given = Picture | readonly Picture[] | null | undefined;

/** The pictures as frames of ours; those handed over as frames are consumed. */
export async function decodeAll(given: Given): Promise<Frame[] | undefined> {
  if (!given) return undefined;
  const pictures = isList(given) ? given : [given];
  const decoded = await Promise.allSettled(pictures.map(decode));
  const frames = decoded.flatMap((result) =>
    result.status === "fulfilled" ? [result.value] : [],
  );
  const failed = decoded.find((result) => result.status === "rejected");
  if (!failed) return frames;
  for (const frame of frames) frame.close();
  throw failed.reason;
}

async function decode(picture: Picture): Promise<Frame> {
  return picture instanceof Blob ? decodePicture(picture) : picture;
}

function isList(
  given: Picture | readonly Picture[],
): given is readonly Picture[] {
  return Array.isArray(given);
}
