import { VlmError } from "../../src/shared/errors";
import { corrupt, missing } from "../util/file-errors";
import type { OnnxGraph } from "./onnx";

/** The runtime's places in files have 32 bits, and wrap around silently. */
const MAX_END = 2 ** 32;

/** The name of a graph's file without its folder. */
export const baseName = (file: string): string => file.split("/").at(-1) ?? "";

/**
 * The files that the weights of `graph` are in, by the names it gives them;
 * its own is the first. Throws if one is missing or too short.
 */
export function weightFiles(
  { file, blob, externalFiles, initializers }: OnnxGraph,
  external: ReadonlyMap<string, Blob>,
): Map<string, Blob> {
  const own = baseName(file);
  const path = (name: string) => file.slice(0, -own.length) + name;
  const files = new Map([[own, blob]]);
  for (const name of externalFiles) {
    const found = name === own ? blob : external.get(name);
    if (found === undefined) throw missing(path(name), `The folder of ${file}`);
    files.set(name, found);
  }
  for (const { name, data } of initializers.values()) {
    if (data === undefined) continue;
    const holder = data.location ?? own;
    const size = files.get(holder)?.size ?? 0;
    const end = data.offset + data.length;
    if (end > size) {
      const why = `it ends before ${name}, a weight of ${file}`;
      throw corrupt(path(holder), why);
    }
    if (end >= MAX_END) throw tooFar(path(holder), name);
  }
  return files;
}

function tooFar(file: string, weight: string): VlmError {
  return new VlmError(
    "unsupported",
    `${file} holds ${weight} beyond its first 4 GB, where it cannot be read.`,
    "Export the model again with weights in files below 4 GB.",
  );
}
