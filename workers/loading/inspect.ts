import { VlmError } from "../../src/shared/errors";
import type {
  Graph,
  GraphDtypes,
  ModelReport,
  ModelSource,
} from "../../src/shared/models";
import { graphNames } from "../../src/shared/options";
import type { LoadOptions } from "../../src/shared/protocol";
import { checkGraph } from "../model-files/graph-contract";
import { eachGraph } from "../model-files/manifest";
import { readOnnx } from "../onnx/onnx-reader";
import { loadAborted } from "../store/errors";
import { defined } from "../util/assert";
import { formatBytes } from "../../src/shared/format";
import {
  checkCompatibility,
  memoryIssue,
  type VariantCompatibility,
} from "./compatibility";
import { choose, recommend } from "./dtypes";
import { detectHardware, type Hardware } from "./hardware";
import {
  estimateMemory,
  largestActivation,
  type Placement,
} from "./memory-estimate";
import { filesOf, readMetadata, type ModelMetadata } from "./model-metadata";

type Chosen = NonNullable<ModelReport["chosen"]>;
type Storage = NonNullable<ModelReport["storage"]>;

/** Reports what a model is and needs on this machine, and checks the graphs that are
 * already stored. Does not download weights or the tokenizer and opens no device. */
export async function inspectModel(
  options: LoadOptions,
  size: number | undefined,
  signal: AbortSignal,
): Promise<ModelReport> {
  const hardware = await detectHardware(options.device);
  const storage = await estimateStorage();
  const metadata = await readMetadata(options.model, signal);
  try {
    const imageSize = size ?? metadata.config.size;
    const found = report(options, metadata, hardware, storage, imageSize);
    if (found.chosen === undefined || found.unsupportedReason !== undefined) {
      return found;
    }
    const issue = await graphIssue(metadata, found.chosen.dtypes, signal);
    return issue === undefined ? found : { ...found, unsupportedReason: issue };
  } finally {
    metadata.folder.release();
  }
}

/** Why a stored graph cannot be used; undefined if none has an error. */
async function graphIssue(
  { folder, variants, config }: ModelMetadata,
  dtypes: GraphDtypes,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const name of graphNames) {
    const variant = variants[name].find(({ dtype }) => dtype === dtypes[name]);
    const [file] = variant?.files ?? [];
    if (file === undefined || file.kept < file.bytes) continue;
    try {
      const blobs = await folder.fetch([file.path], signal, () => undefined);
      const blob = defined(blobs.get(file.path), file.path);
      checkGraph(name, await readOnnx(file.path, blob), config);
    } catch (error) {
      if (signal.aborted) throw loadAborted();
      return VlmError.from(error).message;
    }
  }
  return undefined;
}

function report(
  { model, dtype, backend }: LoadOptions,
  metadata: ModelMetadata,
  hardware: Hardware,
  storage: Storage | undefined,
  size: number,
): ModelReport {
  const { folder, config } = metadata;
  const graphs = checkCompatibility(metadata.variants, config, hardware);
  const best = recommend(graphs, hardware);
  const recommended = wholeOf(eachGraph((graph) => best[graph].dtype));
  let chosen: Chosen | undefined;
  let unsupportedReason: string | undefined;
  try {
    const dtypes = choose(dtype, graphs, hardware);
    const placement = { device: hardware.device, backend };
    chosen = costOf(metadata, graphs, dtypes, size, placement);
    const largest = largestActivation(config, dtypes.vision_encoder, size);
    unsupportedReason =
      memoryIssue(chosen.memory, largest, hardware, size) ??
      storageIssue(chosen, storage);
  } catch (error) {
    unsupportedReason = VlmError.from(error).message;
  }
  return {
    name: metadata.name,
    source: describeSource(model),
    layers: config.layers,
    hidden: config.hidden,
    size: config.size,
    ...metadata.capabilities,
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
    ...(unsupportedReason !== undefined && { unsupportedReason }),
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
  metadata: ModelMetadata,
  graphs: VariantCompatibility,
  dtypes: GraphDtypes,
  size: number,
  placement: Placement,
): Chosen {
  const files = filesOf(metadata, dtypes);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const kept = files.reduce((sum, file) => sum + file.kept, 0);
  const memory = estimateMemory(
    metadata.config,
    graphs,
    dtypes,
    size,
    placement,
  );
  return { dtypes, files, bytes, missing: bytes - kept, memory };
}

function storageIssue(
  { missing }: Chosen,
  storage: Storage | undefined,
): string | undefined {
  if (storage === undefined || missing <= storage.free) return undefined;
  return `The download needs ${formatBytes(missing)} of storage, but the browser allows this site only ${formatBytes(storage.free)} more.`;
}

function describeSource(source: ModelSource): string {
  switch (source.kind) {
    case "hub":
      return `${source.endpoint}/${source.id} at ${source.revision}`;
    case "url":
      return source.url;
    case "folder":
      return `the folder ${source.name}`;
  }
}

async function estimateStorage(): Promise<Storage | undefined> {
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
