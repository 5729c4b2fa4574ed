import type { CaptureSource } from "../capture/capture";
import { badOption, choose } from "../session/load-options";
import type { Attributes } from "./options";

/** What is looked at for as long as it is open. */
export type OpenSource =
  CaptureSource | { readonly kind: "element"; readonly id: string };

export type ChosenSource =
  OpenSource | { readonly kind: "picture"; readonly file: Blob };

const sources = ["camera", "screen", "video", "picture", "none"] as const;

const facings = ["user", "environment"] as const;

type Choice = Pick<
  Attributes,
  "stream" | "for" | "source" | "camera" | "facing" | "file"
>;

/** What `start` opens; `undefined` if nothing is chosen. */
export function chosenSource(attributes: Choice): ChosenSource | undefined {
  const { stream, for: id, camera, facing, file } = attributes;
  if (stream) return { kind: "stream", stream };
  if (id) return { kind: "element", id };
  const source = choose("source", attributes.source, sources);
  if (source === "none") return undefined;
  if (source === "camera") {
    if (facing) choose("facing", facing, facings);
    return { kind: source, deviceId: camera, facing };
  }
  if (source === "screen") return { kind: source };
  if (file) return { kind: source, file };
  throw badOption(`There is no ${source} yet.`, `Choose a ${source} file.`);
}

export function nothingChosen(): Error {
  return badOption(
    "There is nothing to look at.",
    'Choose a source, such as source="camera", or the element for="its-id".',
  );
}

/** Equal, one by one, as long as `start` would open the same. */
export function sourceKey(choice: Choice): readonly unknown[] {
  const { stream, for: id, source, camera, facing, file } = choice;
  if (stream || id) return [stream ?? id];
  if (source === "camera") return [source, camera, facing];
  return [source, source === "screen" ? undefined : file];
}
