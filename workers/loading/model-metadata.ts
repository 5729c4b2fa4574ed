import { VlmError } from "../../src/shared/errors";
import type {
  GraphDtypes,
  ModelFile,
  ModelSource,
} from "../../src/shared/models";
import { missing, parseJson, unreadable } from "../util/file-errors";
import {
  openEarlier,
  openFolder,
  removeModel,
  storedModels,
} from "../store/folder";
import type { ModelFolder } from "../store/model-folder";
import { bytesOf } from "../util/read-blob";
import { readConfig, type ModelConfig } from "../model-files/config";
import {
  CONFIG_FILES,
  findGraphs,
  GRAPHS,
  NEEDED_FILES,
  type ConfigFile,
  type Variants,
} from "../model-files/manifest";

/** What a model folder says before anything large of it is downloaded. */
export interface ModelMetadata {
  readonly folder: ModelFolder;
  readonly name: string;
  readonly config: ModelConfig;
  readonly variants: Variants;
  /** The files that are read besides the graphs. */
  readonly configFiles: readonly ModelFile[];
}

/** Whoever asks for it releases its folder. */
export async function readMetadata(
  source: ModelSource,
  signal: AbortSignal,
): Promise<ModelMetadata> {
  const folder = await openFolder(source, signal);
  try {
    // Of a folder on a server the whole address: it may be a mistyped name.
    const place = source.kind === "url" ? source.url : folder.name;
    return await look(folder, place, signal);
  } catch (error) {
    folder.release();
    await forgetUnchecked(source, error);
    throw error;
  }
}

/** Of the version that is kept, while a newer one cannot be had whole. */
export async function readStoredMetadata(
  source: ModelSource,
  signal: AbortSignal,
): Promise<ModelMetadata | undefined> {
  const folder = await openEarlier(source);
  if (folder === undefined) return undefined;
  try {
    return await look(folder, folder.name, signal);
  } catch {
    folder.release();
    return undefined;
  }
}

/**
 * Of the files of a plain server nobody says what they should be: one that was
 * damaged on its way is kept, and would be found damaged again each time. To
 * be called with what has failed, once the folder is released.
 */
export async function forgetUnchecked(
  source: ModelSource,
  error: unknown,
): Promise<void> {
  if (VlmError.from(error).code !== "model-corrupt") return;
  const text = JSON.stringify(source);
  const models = await storedModels();
  const kept = models.find((model) => JSON.stringify(model.source) === text);
  if (kept?.files.every(({ sha256 }) => sha256 === undefined) === true) {
    await removeModel(kept.key);
  }
}

async function look(
  folder: ModelFolder,
  place: string,
  signal: AbortSignal,
): Promise<ModelMetadata> {
  const stat = (paths: readonly string[]) => folder.stat(paths, signal);
  const [present, variants] = await Promise.all([
    stat(CONFIG_FILES),
    findGraphs(stat),
  ]);
  const absent = NEEDED_FILES.find((file) => !present.has(file));
  if (absent !== undefined) throw missing(absent, place);
  const small = CONFIG_FILES.filter(
    (file) => present.has(file) && file !== "tokenizer.json",
  );
  const blobs = await folder.fetch(small, signal, () => undefined);
  const json = await readJson(small, blobs);
  const config = readConfig((file) => json.get(file));
  return {
    folder,
    name: config.name ?? folder.name,
    config,
    variants,
    configFiles: [...present.values()],
  };
}

/** Every file that is read with these dtypes. */
export function filesOf(
  found: ModelMetadata,
  dtypes: GraphDtypes,
): ModelFile[] {
  const graphs = GRAPHS.flatMap((graph) => {
    const variants = found.variants[graph];
    return variants.find(({ dtype }) => dtype === dtypes[graph])?.files ?? [];
  });
  return [...found.configFiles, ...graphs];
}

/** The configuration files of `blobs`, by name. */
export async function readJson(
  files: readonly ConfigFile[],
  blobs: ReadonlyMap<string, Blob>,
): Promise<Map<ConfigFile, unknown>> {
  const parsed = new Map<ConfigFile, unknown>();
  for (const file of files) {
    const blob = blobs.get(file);
    if (blob === undefined) continue;
    const text = await readText(file, blob);
    const plain = file.endsWith(".jinja");
    parsed.set(file, plain ? text : parseJson(file, text));
  }
  return parsed;
}

async function readText(file: string, blob: Blob): Promise<string> {
  try {
    return new TextDecoder().decode(await bytesOf(blob));
  } catch (error) {
    throw unreadable(file, error);
  }
}
