import type {
  DtypeChoice,
  Graph,
  MemoryEstimate,
} from "../../src/shared/models";
import type { LoadOptions, ModelInfo } from "../../src/shared/protocol";
import type { GraphSource } from "../backends/backend";
import { findChatTemplate } from "../model-files/chat-template";
import type { ModelConfig } from "../model-files/config";
import { embeddingTable } from "../model-files/embedding-table";
import { CONFIG_FILES } from "../model-files/manifest";
import { Tokenizer } from "../model-files/tokenizer";
import { checkVocabulary } from "../model-files/vocabulary-contract";
import { siblingPath } from "../onnx/external-data";
import { openGpu } from "../ort/adapter";
import type { Gpu } from "../ort/device";
import { measure } from "../ort/memory-use";
import { beginOrt } from "../ort/runtime";
import { checkCompatibility, type VariantCompatibility } from "./compatibility";
import { downloadGraphs, type DownloadedModel } from "./download-graphs";
import { choose } from "./dtypes";
import { hardwareOf, type Hardware } from "./hardware";
import type { LoadReporter } from "./load-reporter";
import { estimateMemory } from "./memory-estimate";
import { readJson, type ModelMetadata } from "./model-metadata";
import { findVerification, type Verification } from "./verification-cache";

/** The arguments of one load. */
export interface LoadJob {
  readonly options: LoadOptions;
  readonly signal: AbortSignal;
  readonly reporter: LoadReporter;
}

/** Everything that a load needs to open a backend. */
export interface LoadPlan {
  readonly metadata: ModelMetadata;
  readonly config: ModelConfig;
  readonly tokenizer: Tokenizer;
  readonly info: ModelInfo;
  readonly needs: MemoryEstimate;
  readonly graphs: Readonly<Record<Graph, GraphSource>>;
  readonly hardware: Hardware;
  readonly gpu: Gpu | undefined;
  readonly variants: VariantCompatibility;
  readonly verification: Verification;
}

/** Why device, dtypes or version are not what was asked for. */
export type LoadReasons = Pick<
  ModelInfo,
  "deviceReason" | "dtypeReason" | "versionReason"
>;

/** Opens the device, chooses the dtypes, downloads and checks the files. */
export async function makePlan(
  { options, signal, reporter }: LoadJob,
  metadata: ModelMetadata,
  choice: DtypeChoice,
  reasons: LoadReasons,
): Promise<LoadPlan> {
  const { config } = metadata;
  const beginRuntime = (): void => reporter.waitsFor(beginOrt());
  const opened = await openGpu(options.device, config, beginRuntime);
  const gpu = "gpu" in opened ? opened.gpu : undefined;
  try {
    const hardware = hardwareOf(opened);
    const { device, adapter, deviceReason } = hardware;
    const variants = checkCompatibility(metadata.variants, config, hardware);
    const dtypes = choose(choice, variants, hardware);
    const subject = { metadata, dtypes, external: [], gpu };
    const expected = await findVerification(subject, signal);
    if (options.backend === "ort" || !expected.isPromising) beginRuntime();
    const downloaded = await downloadGraphs(
      metadata,
      dtypes,
      signal,
      (progress) => reporter.downloading(progress),
    );
    const { graphs, bytes } = downloaded;
    const external = Object.values(graphs).flatMap(({ graph }) =>
      graph.externalFiles.map((name) => siblingPath(graph.file, name)),
    );
    const verification =
      external.length === 0
        ? expected
        : await findVerification({ ...subject, external }, signal);
    const tokenizer = await readTokenizer(metadata, downloaded);
    const { commit } = metadata.folder;
    const info: ModelInfo = {
      name: metadata.name,
      device,
      adapter,
      dtypes,
      backend: "ort",
      size: config.size,
      ...metadata.capabilities,
      contextLength: config.contextLength,
      bytes,
      memory: measure(gpu),
      ...(deviceReason !== undefined && { deviceReason }),
      ...(commit !== undefined && { commit }),
      ...reasons,
    };
    const placement = { device, backend: options.backend };
    const needs = estimateMemory(
      config,
      variants,
      dtypes,
      config.size,
      placement,
    );
    return {
      metadata,
      config,
      tokenizer,
      info,
      needs,
      graphs,
      hardware,
      gpu,
      variants,
      verification,
    };
  } catch (error) {
    gpu?.close();
    throw error;
  }
}

async function readTokenizer(
  { config }: ModelMetadata,
  { blobs, graphs }: DownloadedModel,
): Promise<Tokenizer> {
  const json = await readJson(CONFIG_FILES, blobs);
  const tokenizer = new Tokenizer(
    json.get("tokenizer.json"),
    json.get("tokenizer_config.json"),
    config.imageToken,
    findChatTemplate((file) => json.get(file)),
  );
  const { lastId, imageToken } = tokenizer;
  const { endTokens } = config;
  const rows = embeddingTable(graphs.embed_tokens.graph)?.rows;
  const vocabulary = { lastId, imageToken, endTokens, rows };
  checkVocabulary(vocabulary, graphs.decoder_model_merged.graph);
  return tokenizer;
}
