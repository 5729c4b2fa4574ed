import { VlmError } from "../../src/shared/errors";
import type {
  GraphDtypes,
  ModelCapabilities,
  ModelFile,
  ModelSource,
} from "../../src/shared/models";
import { graphNames } from "../../src/shared/options";
import { missing, parseJson } from "../util/file-errors";
import {
  openFolder,
  openPreviousFolder,
  openStore,
} from "../store/open-folder";
import type { ModelFolder } from "../store/model-folder";
import { findExternalFiles } from "./external-files";
import { readFile } from "../util/read-blob";
import { checkChatTemplate } from "../model-files/chat-template";
import { readCapabilities } from "../model-files/capabilities";
import { object, readConfig, type ModelConfig } from "../model-files/config";
import {
  CONFIG_FILES,
  findGraphs,
  NEEDED_FILES,
  type ConfigFile,
  type Variants,
} from "../model-files/manifest";

/** A model's configuration, and the graphs that its folder has. */
export interface ModelMetadata {
  readonly folder: ModelFolder;
  readonly name: string;
  readonly config: ModelConfig;
  readonly capabilities: ModelCapabilities;
  readonly variants: Variants;
  /** The files besides the graphs. */
  readonly configFiles: readonly ModelFile[];
}

/** Reads the metadata of a model. The caller releases its folder. */
export async function readMetadata(
  source: ModelSource,
  signal: AbortSignal,
): Promise<ModelMetadata> {
  const folder = await openFolder(await openStore(), source, signal);
  try {
    // The whole address, because it may be mistyped.
    const place = source.kind === "url" ? source.url : folder.name;
    return await readFolder(folder, place, signal);
  } catch (error) {
    folder.release();
    await forgetUnchecked(source, error);
    throw error;
  }
}

/** Reads the version that is on disk, if there is one. */
export async function readStoredMetadata(
  source: ModelSource,
  signal: AbortSignal,
): Promise<ModelMetadata | undefined> {
  const folder = await openPreviousFolder(await openStore(), source);
  if (folder === undefined) return undefined;
  try {
    return await readFolder(folder, folder.name, signal);
  } catch {
    folder.release();
    return undefined;
  }
}

/**
 * Removes a stored model after a `model-corrupt` error, if its files came without
 * hashes: a file that was damaged in transit would stay damaged. Call it once
 * the folder is released.
 */
export async function forgetUnchecked(
  source: ModelSource,
  error: unknown,
): Promise<void> {
  if (VlmError.from(error).code !== "model-corrupt") return;
  const text = JSON.stringify(source);
  const store = await openStore();
  const models = await store.list();
  const stored = models.find((model) => JSON.stringify(model.source) === text);
  if (stored?.files.every(({ sha256 }) => sha256 === undefined) === true) {
    await store.remove(stored.key);
  }
}

async function readFolder(
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
  checkChatTemplate((file) => json.get(file), config.imageToken);
  return {
    folder,
    name: config.name ?? folder.name,
    config,
    capabilities: readCapabilities(
      object("config.json", json.get("config.json")),
      config.size,
    ),
    variants: await findExternalFiles(folder, variants, config, signal),
    configFiles: [...present.values()],
  };
}

/** Every file that a load with these dtypes reads. Graphs may share some. */
export function filesOf(
  metadata: ModelMetadata,
  dtypes: GraphDtypes,
): ModelFile[] {
  const files = graphNames.flatMap((graph) => {
    const variants = metadata.variants[graph];
    return variants.find(({ dtype }) => dtype === dtypes[graph])?.files ?? [];
  });
  const all = [...metadata.configFiles, ...files];
  return [...new Map(all.map((file) => [file.path, file])).values()];
}

/** Parses the configuration files among `blobs`. */
export async function readJson(
  files: readonly ConfigFile[],
  blobs: ReadonlyMap<string, Blob>,
): Promise<Map<ConfigFile, unknown>> {
  const parsed = new Map<ConfigFile, unknown>();
  for (const file of files) {
    const blob = blobs.get(file);
    if (blob === undefined) continue;
    const text = new TextDecoder().decode(await readFile(file, blob));
    const isText = file.endsWith(".jinja");
    parsed.set(file, isText ? text : parseJson(file, text));
  }
  return parsed;
}
