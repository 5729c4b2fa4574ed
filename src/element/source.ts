import type { CaptureSource } from "../capture/capture";
import { badOption } from "../shared/errors";
import {
  checkOption,
  describeValue,
  isIterable,
  oneOf,
} from "../shared/options";
import type { FastVlmAttributes } from "./attributes";

/** A source that stays open. */
export type OpenSource =
  CaptureSource | { readonly kind: "element"; readonly id: string };

type ChosenSource =
  OpenSource | { readonly kind: "image"; readonly file: Blob };

const sources = oneOf("camera", "screen", "video", "image", "none");
const facings = oneOf("user", "environment");

type SourceAttributes = Pick<
  FastVlmAttributes,
  "stream" | "for" | "source" | "camera" | "facing" | "file"
>;

/** What `start` opens. Throws `bad-option`. */
export function chosenSource(attributes: SourceAttributes): ChosenSource {
  const { stream, for: id, source, camera, facing, file } = attributes;
  if (stream) return { kind: "stream", stream };
  if (id) return { kind: "element", id };
  checkOption("source", source, sources);
  if (source === "none") {
    throw badOption(
      "There is no source to start.",
      'Set a source, such as source="camera", or the id of an element, for="my-video".',
    );
  }
  if (source === "camera") {
    if (facing) checkOption("facing", facing, facings);
    return { kind: source, deviceId: camera, facing };
  }
  if (source === "screen") return { kind: source };
  const first = firstFile(file);
  if (first instanceof Blob) return { kind: source, file: first };
  if (first !== undefined) {
    throw badOption(
      `file must be a File or Blob, not ${describeValue(first)}.`,
    );
  }
  throw badOption(
    `source="${source}" needs a file, but the property file is not set.`,
    "Set the property file to a File or Blob.",
  );
}

/** Whether `start` has something to open. */
export function hasSource({
  stream,
  for: id,
  source,
}: SourceAttributes): boolean {
  return stream !== undefined || id !== "" || source !== "none";
}

/** Equal, item by item, as long as `start` would open the same source. */
export function sourceKey(attributes: SourceAttributes): readonly unknown[] {
  const { stream, for: id, source, camera, facing, file } = attributes;
  if (stream || id) return [stream ?? id];
  if (source === "camera") return [source, camera, facing];
  return [source, source === "screen" ? undefined : firstFile(file)];
}

/** The first of several files. */
function firstFile(file: SourceAttributes["file"]): Blob | undefined {
  return isIterable(file) ? [...(file as Iterable<Blob>)][0] : file;
}
