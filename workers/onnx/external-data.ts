import { VlmError } from "../../src/shared/errors";
import { corrupt, missing } from "../util/file-errors";
import type { OnnxGraph } from "./onnx-reader";

/** ONNX Runtime addresses external data by 32 bits, and wraps around silently. */
export const EXTERNAL_DATA_LIMIT = 2 ** 32;

/** The path of file `name` in the folder of `file`. */
export const siblingPath = (file: string, name: string): string =>
  file.slice(0, file.lastIndexOf("/") + 1) + name;

/** The file name of a path. */
export const baseName = (file: string): string =>
  file.slice(file.lastIndexOf("/") + 1);

/**
 * The files that hold the weights of `graph`, by the names the graph uses; its
 * own file comes first. Throws `model-file-missing` if a file is absent and
 * `model-corrupt` if one is too short.
 */
export function openWeightFiles(
  { file, blob, externalFiles, initializers }: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
): Map<string, Blob> {
  const own = baseName(file);
  const path = (name: string) => siblingPath(file, name);
  const files = new Map([[own, blob]]);
  for (const name of externalFiles) {
    const found = name === own ? blob : external.get(name);
    if (found === undefined) throw missing(path(name), `The folder of ${file}`);
    files.set(name, found);
  }
  for (const { name, data } of initializers.values()) {
    if (data === undefined) continue;
    const holder = data.location ?? own;
    const size = files.get(holder)?.size;
    const end = data.offset + data.length;
    if (size === undefined || end > size) {
      const why = `it ends before weight ${name} of ${file}`;
      throw corrupt(path(holder), why);
    }
    if (end >= EXTERNAL_DATA_LIMIT) throw beyondLimit(path(holder), name);
  }
  return files;
}

function beyondLimit(file: string, weight: string): VlmError {
  return new VlmError(
    "unsupported",
    `${file} stores weight ${weight} beyond its first 4 GB, which ONNX Runtime cannot address.`,
    "Export the model again with its weights split into files below 4 GB.",
  );
}
