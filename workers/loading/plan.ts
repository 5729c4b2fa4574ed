import type { DtypeChoice, Graph } from "../../src/shared/models";
import type { LoadOptions, ModelInfo } from "../../src/shared/protocol";
import { choose, type Runnable } from "./dtypes";
import { hardwareOf, type Hardware } from "./hardware";
import { downloadGraphs, type Downloaded, type Emit } from "./graphs";
import type { GraphSource } from "../backends/backend";
import { estimateMemory } from "./memory-estimate";
import type { ModelFacts } from "./model";
import { checkCompatibility } from "./compatibility";
import { openGpu } from "../ort/adapter";
import type { Gpu } from "../ort/device";
import { measure } from "../ort/memory-use";
import { readJson, type ModelMetadata } from "./model-metadata";
import { checkVocabulary } from "../model-files/vocabulary-contract";
import { embeddingTable } from "../model-files/embedding-table";
import { CONFIG_FILES, GRAPHS } from "../model-files/manifest";
import { Tokenizer } from "../model-files/tokenizer";

/** What one load was asked for. */
export interface LoadJob {
  readonly options: LoadOptions;
  readonly signal: AbortSignal;
  readonly emit: Emit;
}

/** A model that lacks nothing but its sessions. */
export interface LoadPlan extends ModelFacts {
  readonly found: ModelMetadata;
  readonly graphs: ReadonlyMap<Graph, GraphSource>;
  /** Bytes of all files. */
  readonly loaded: number;
  readonly hardware: Hardware;
  readonly gpu: Gpu | undefined;
  readonly variants: Runnable;
}

/** Device → dtypes → download → checks. */
export async function makePlan(
  { options, signal, emit }: LoadJob,
  found: ModelMetadata,
  choice: DtypeChoice,
  dtypeReason?: string,
): Promise<LoadPlan> {
  const { config } = found;
  const opened = await openGpu(options.device, config);
  const gpu = "gpu" in opened ? opened.gpu : undefined;
  try {
    const hardware = hardwareOf(opened);
    const variants = checkCompatibility(found.variants, config, hardware);
    const dtypes = choose(choice, variants, hardware);
    const downloaded = await downloadGraphs(found, dtypes, signal, emit);
    const { bytes, loaded } = downloaded;
    const graphs = new Map(
      GRAPHS.map((graph) => [graph, downloaded.graphs[graph]]),
    );
    const tokenizer = await readTokenizer(found, downloaded);
    const { commit } = found.folder;
    const info: ModelInfo = {
      name: found.name,
      device: hardware.device,
      adapter: hardware.adapter,
      dtypes,
      backend: "ort",
      size: config.side,
      contextLength: config.contextLength,
      bytes,
      memory: measure(gpu),
      ...(hardware.deviceReason !== undefined && {
        deviceReason: hardware.deviceReason,
      }),
      ...(dtypeReason !== undefined && { dtypeReason }),
      ...(commit !== undefined && { commit }),
    };
    const way = { device: hardware.device, backend: options.backend };
    const needs = estimateMemory(config, variants, dtypes, config.side, way);
    return {
      ...{ found, hardware, gpu, variants, config, tokenizer, info, needs },
      ...{ graphs, loaded },
    };
  } catch (error) {
    gpu?.close();
    throw error;
  }
}

async function readTokenizer(
  { config }: ModelMetadata,
  { blobs, graphs }: Downloaded,
): Promise<Tokenizer> {
  const json = await readJson(CONFIG_FILES, blobs);
  const options = json.get("tokenizer_config.json");
  // Newer tools write the template into a file of its own.
  const template = json.get("chat_template.jinja");
  const tokenizer = new Tokenizer(
    json.get("tokenizer.json"),
    template === undefined
      ? options
      : { chat_template: template, ...(options as object) },
    config.imageToken,
  );
  const { lastId, imageToken } = tokenizer;
  const { endTokens } = config;
  const rows = embeddingTable(graphs.embed_tokens.graph)?.rows;
  const vocabulary = { lastId, imageToken, endTokens, rows };
  checkVocabulary(vocabulary, graphs.decoder_model_merged.graph);
  return tokenizer;
}
