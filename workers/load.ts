import { VlmError } from "../src/shared/errors";
import type { Dtype, Graph } from "../src/shared/models";
import type {
  LoadOptions,
  ModelInfo,
  WorkerEvent,
} from "../src/shared/protocol";
import { Model, type Sessions } from "./model";
import { openGpu, type Opened } from "./ort/adapter";
import type { Gpu } from "./ort/device";
import { cpuThreads, loadOrt } from "./ort/runtime";
import { createSession, type Session } from "./ort/session";
import { Memory } from "./ort/tensor";
import { describe } from "./pipeline";
import { readConfig, type ModelConfig } from "./weights/config";
import { checkGraph, checkVocabulary } from "./weights/contract";
import { loadAborted, parseJson } from "./weights/faults";
import { fetchFiles } from "./weights/fetch";
import {
  CONFIG_FILES,
  graphFile,
  GRAPHS,
  type ConfigFile,
} from "./weights/manifest";
import { Tokenizer } from "./weights/tokenizer";

type Emit = (event: WorkerEvent) => void;

/** Download → check → device → sessions → warm up. Leaves nothing behind if
 * any of it fails. */
export async function loadModel(
  options: LoadOptions,
  signal: AbortSignal,
  emit: Emit,
): Promise<Model> {
  const { device } = options;
  const folder = options.model.kind === "url" ? options.model.url : "";
  const dtype = oneDtype(options);
  const graphFiles = GRAPHS.map((graph) => graphFile(graph, dtype));
  let read = 0;
  const files = await fetchFiles(
    folder,
    [...CONFIG_FILES, ...graphFiles],
    signal,
    (loaded, total) => {
      read = loaded;
      emit({ ...quiet, phase: "loading", loaded, total });
    },
  );
  const bytesOf = (file: string) => files.get(file) ?? new Uint8Array();
  const json = (file: ConfigFile) =>
    parseJson(file, new TextDecoder().decode(bytesOf(file)));
  const config = readConfig(json);
  const tokenizer = new Tokenizer(
    json("tokenizer.json"),
    json("tokenizer_config.json"),
    config.imageToken,
  );
  const bytes = graphFiles.reduce((sum, file) => sum + bytesOf(file).length, 0);

  const opened = await openGpu(device, config);
  const gpu = "gpu" in opened ? opened.gpu : undefined;
  try {
    checkDtype(dtype, gpu);
    const sessions = await createSessions(dtype, files, config, gpu, signal);
    const memory = new Memory(await loadOrt(), gpu);
    const info = infoOf(folder, dtype, config, opened, bytes);
    const model = new Model(info, config, tokenizer, sessions, memory);
    try {
      checkVocabulary(tokenizer.lastId, sessions.decoder);
      emit({ ...quiet, phase: "warming", loaded: read, total: read });
      await warmUp(model, signal);
      return model;
    } catch (error) {
      await model.release();
      throw error;
    }
  } catch (error) {
    gpu?.close();
    throw error;
  }
}

const quiet = { type: "progress", rate: 0, elsewhere: false } as const;

function oneDtype({ dtype }: LoadOptions): Dtype {
  if (typeof dtype !== "string") return dtype.decoder_model_merged;
  return dtype === "auto" ? "fp32" : dtype;
}

function checkDtype(dtype: Dtype, gpu: Gpu | undefined): void {
  const half = dtype === "fp16" || dtype === "q4f16";
  if (gpu === undefined || !half || gpu.device.features.has("shader-f16")) {
    return;
  }
  throw new VlmError(
    "unsupported",
    `${gpu.name} cannot compute in half precision, which ${dtype} needs.`,
    "Choose the dtype q4 or fp32.",
  );
}

async function createSessions(
  dtype: Dtype,
  files: Map<string, Uint8Array>,
  config: ModelConfig,
  gpu: Gpu | undefined,
  signal: AbortSignal,
): Promise<Sessions> {
  const made: Session[] = [];
  const create = async (graph: Graph): Promise<Session> => {
    if (signal.aborted) throw loadAborted();
    const file = graphFile(graph, dtype);
    const bytes = files.get(file) ?? new Uint8Array();
    // The runtime has its own copy from here on.
    files.delete(file);
    const session = await createSession(file, bytes, gpu);
    made.push(session);
    checkGraph(graph, session, config);
    return session;
  };
  try {
    return {
      vision: await create("vision_encoder"),
      embed: await create("embed_tokens"),
      decoder: await create("decoder_model_merged"),
    };
  } catch (error) {
    for (const session of made) await session.release();
    throw error;
  }
}

function infoOf(
  folder: string,
  dtype: Dtype,
  config: ModelConfig,
  opened: Opened,
  bytes: number,
): ModelInfo {
  const { side, contextLength } = config;
  const name = config.name ?? folder.split("/").at(-2) ?? folder;
  const dtypes = {
    vision_encoder: dtype,
    embed_tokens: dtype,
    decoder_model_merged: dtype,
  };
  const memory = { gpu: 0, wasm: 0 };
  const common = { name, dtypes, side, contextLength, bytes, memory };
  if ("gpu" in opened) {
    return { ...common, device: "webgpu", adapter: opened.gpu.name };
  }
  const threads = cpuThreads();
  return {
    ...common,
    device: "wasm",
    adapter: `CPU, ${threads} ${threads === 1 ? "thread" : "threads"}`,
    ...(opened.reason !== undefined && { deviceReason: opened.reason }),
  };
}

/** Runs a blank frame, so that every shader is compiled for the real ones. */
async function warmUp(model: Model, signal: AbortSignal): Promise<void> {
  const { side } = model.config;
  const frame = await createImageBitmap(new ImageData(side, side));
  try {
    const options = {
      run: 0,
      messages: [{ role: "user", text: "", images: 1 }],
      style: "reference",
      fit: "letterbox",
      anyres: false,
      size: side,
      // The second token is the first to pass through the decode graph.
      maxTokens: 2,
      sampling: {
        temperature: 0,
        topK: 0,
        topP: 1,
        repetitionPenalty: 1,
        seed: 0,
      },
    } as const;
    const endless = { endTokens: new Set<number>() };
    await describe(model, [frame], options, signal, () => undefined, endless);
  } finally {
    frame.close();
  }
  if (signal.aborted) throw loadAborted();
}
