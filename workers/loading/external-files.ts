import type { ModelConfig } from "../model-files/config";
import type { Variant, Variants } from "../model-files/manifest";
import { siblingPath } from "../onnx/external-data";
import { readOnnx, type OnnxGraph } from "../onnx/onnx-reader";
import type { ModelFolder } from "../store/model-folder";
import { at, defined } from "../util/assert";

type Folder = Pick<ModelFolder, "fetch" | "stat">;

/** Largest graph without weights: those of FastVLM-7B have about 1 MB. */
const LARGEST_STRUCTURE = 8e6;

/**
 * Adds external data under other names than the usual ones, so that it counts
 * before it is downloaded. Its name is only in the graph: graphs are read that are
 * smaller than their weights would be. The configuration does not tell how large
 * the encoder's weights are; small encoders are read if another graph has such
 * external data. Several graphs may share a file; `bytes` counts the weights that a
 * graph reads of it.
 */
export async function findExternalFiles(
  folder: Folder,
  variants: Variants,
  { hidden, layers, vocabulary }: ModelConfig,
  signal: AbortSignal,
): Promise<Variants> {
  const findAll = (all: readonly Variant[], least: number) =>
    Promise.all(
      all.map(async (variant) => {
        const { files, bytes } = variant;
        const isWhole = files.length > 1 || bytes >= least;
        return isWhole ? variant : addExternalFiles(folder, variant, signal);
      }),
    );
  // One bit for each weight of the table, and of the matrices of the layers,
  // which have at least four times hidden² weights.
  const { embed_tokens, decoder_model_merged, vision_encoder } = variants;
  const table = await findAll(embed_tokens, (vocabulary * hidden) / 8);
  const decoder = await findAll(
    decoder_model_merged,
    (layers * 4 * hidden ** 2) / 8,
  );
  const isUsual =
    table.every((one, i) => one === embed_tokens[i]) &&
    decoder.every((one, i) => one === decoder_model_merged[i]);
  return {
    vision_encoder: isUsual
      ? vision_encoder
      : await findAll(vision_encoder, LARGEST_STRUCTURE),
    embed_tokens: table,
    decoder_model_merged: decoder,
  };
}

/** Reads the graph of a variant. Returns the variant itself if it has no external
 * data, or none in the folder: then the load reports why. */
async function addExternalFiles(
  folder: Folder,
  variant: Variant,
  signal: AbortSignal,
): Promise<Variant> {
  const file = at(variant.files, 0);
  try {
    const blobs = await folder.fetch([file.path], signal, () => undefined);
    const blob = defined(blobs.get(file.path), file.path);
    const graph = await readOnnx(file.path, blob);
    const paths = graph.externalFiles
      .map((name) => siblingPath(file.path, name))
      .filter((path) => path !== file.path);
    const found = await folder.stat(paths, signal);
    if (found.size === 0) return variant;
    const read = { ...file, kept: file.bytes };
    const bytes = file.bytes + externalBytes(graph);
    return { ...variant, files: [read, ...found.values()], bytes };
  } catch {
    signal.throwIfAborted();
    return variant;
  }
}

/** Bytes of the weights outside of the graph's own file. */
function externalBytes({ initializers }: OnnxGraph): number {
  const places = new Map<string, number>();
  for (const { data } of initializers.values()) {
    if (data?.location === undefined) continue;
    places.set(`${data.location} ${data.offset}`, data.length);
  }
  return [...places.values()].reduce((sum, length) => sum + length, 0);
}
