import { VlmError } from "../../src/shared/errors";
import type {
  Graph,
  GraphDtypes,
  ModelReport,
  ModelSource,
} from "../../src/shared/models";
import type { LoadOptions } from "../../src/shared/protocol";
import { choose, recommend, type Runnable } from "./dtypes";
import { askHardware, type Hardware } from "./hardware";
import { estimateMemory, largestActivation, type Way } from "./memory-estimate";
import { checkCompatibility, memoryObstacle } from "./compatibility";
import { inWords } from "../store/errors";
import { filesOf, readMetadata, type ModelMetadata } from "./model-metadata";
import { eachGraph } from "../model-files/manifest";

type Chosen = NonNullable<ModelReport["chosen"]>;
type Storage = NonNullable<ModelReport["storage"]>;

/** What a model is and would cost here. Its weights and its tokenizer are not
 * downloaded, and no device is opened. */
export async function inspectModel(
  options: LoadOptions,
  side: number | undefined,
  signal: AbortSignal,
): Promise<ModelReport> {
  const hardware = await askHardware(options.device);
  const storage = await askStorage();
  const found = await readMetadata(options.model, signal);
  found.folder.release();
  return report(options, found, hardware, storage, side ?? found.config.side);
}

function report(
  { model, dtype, backend }: LoadOptions,
  found: ModelMetadata,
  hardware: Hardware,
  storage: Storage | undefined,
  side: number,
): ModelReport {
  const { folder, config } = found;
  const graphs = checkCompatibility(found.variants, config, hardware);
  const best = recommend(graphs, hardware);
  const recommended = wholeOf(eachGraph((graph) => best[graph].dtype));
  let chosen: Chosen | undefined;
  let obstacle: string | undefined;
  try {
    const dtypes = choose(dtype, graphs, hardware);
    const way = { device: hardware.device, backend };
    chosen = costOf(found, graphs, dtypes, side, way);
    const largest = largestActivation(config, dtypes.vision_encoder, side);
    obstacle =
      memoryObstacle(chosen.memory, largest, hardware, side) ??
      storageObstacle(chosen, storage);
  } catch (error) {
    obstacle = VlmError.from(error).message;
  }
  return {
    name: found.name,
    source: inWordsOf(model),
    layers: config.layers,
    hidden: config.hidden,
    size: config.side,
    contextLength: config.contextLength,
    device: hardware.device,
    adapter: hardware.adapter,
    halfPrecision: hardware.halfPrecision,
    graphs,
    reasons: eachGraph((graph) => best[graph].reason),
    ...(folder.commit !== undefined && { commit: folder.commit }),
    ...(folder.license !== undefined && { license: folder.license }),
    ...(hardware.deviceReason !== undefined && {
      deviceReason: hardware.deviceReason,
    }),
    ...(recommended !== undefined && { recommended }),
    ...(chosen !== undefined && { chosen }),
    ...(storage !== undefined && { storage }),
    ...(obstacle !== undefined && { obstacle }),
  };
}

function wholeOf(
  dtypes: Record<Graph, GraphDtypes[Graph] | undefined>,
): GraphDtypes | undefined {
  const { vision_encoder, embed_tokens, decoder_model_merged } = dtypes;
  return vision_encoder && embed_tokens && decoder_model_merged
    ? { vision_encoder, embed_tokens, decoder_model_merged }
    : undefined;
}

function costOf(
  found: ModelMetadata,
  graphs: Runnable,
  dtypes: GraphDtypes,
  side: number,
  way: Way,
): Chosen {
  const files = filesOf(found, dtypes);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const kept = files.reduce((sum, file) => sum + file.kept, 0);
  const memory = estimateMemory(found.config, graphs, dtypes, side, way);
  return { dtypes, files, bytes, missing: bytes - kept, memory };
}

function storageObstacle(
  { missing }: Chosen,
  storage: Storage | undefined,
): string | undefined {
  if (storage === undefined || missing <= storage.free) return undefined;
  return `${inWords(missing)} are still to be downloaded, and this browser has room for ${inWords(storage.free)}.`;
}

function inWordsOf(source: ModelSource): string {
  switch (source.kind) {
    case "hub":
      return `${source.endpoint}/${source.id} at ${source.revision}`;
    case "url":
      return source.url;
    case "folder":
      return `the folder ${source.name}`;
  }
}

async function askStorage(): Promise<Storage | undefined> {
  // Absent in insecure contexts.
  const storage = navigator.storage as StorageManager | undefined;
  if (storage === undefined) return undefined;
  try {
    const { quota, usage = 0 } = await storage.estimate();
    if (quota === undefined) return undefined;
    return { free: quota - usage, persistent: await storage.persisted() };
  } catch {
    return undefined;
  }
}
