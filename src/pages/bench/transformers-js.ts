/** Runs transformers.js like its own demo page for this model. */
import {
  AutoModelForImageTextToText,
  AutoProcessor,
  env,
  RawImage,
  TextStreamer,
  type Tensor,
} from "@huggingface/transformers";
import mjs from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import wasm from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import { now } from "../../shared/clock";
import { difference, type GpuUse } from "../../../workers/bench/gpu-calls";
import type { Device, GraphDtypes, ModelSource } from "../../shared/models";
import {
  measured,
  type Engine,
  type BenchQuestion,
  type MeasuredCaption,
} from "./engine";

interface TransformersJsOptions {
  readonly model: ModelSource;
  readonly device: Device;
  readonly dtypes: GraphDtypes;
  /** Features of fast-vlm's GPU device, used for both. */
  readonly features: readonly string[];
  readonly size: number;
}

interface TransformersJsEngine extends Engine {
  readonly versions: Readonly<Record<string, string>>;
}

type Processor = Awaited<ReturnType<typeof AutoProcessor.from_pretrained>>;
type Model = Awaited<
  ReturnType<typeof AutoModelForImageTextToText.from_pretrained>
>;

export async function openTransformersJs(
  options: TransformersJsOptions,
  read: () => GpuUse,
): Promise<TransformersJsEngine> {
  const place = placeOf(options.model);
  const backend = env.backends.onnx.wasm;
  if (!backend) throw new Error("transformers.js has no wasm backend");
  const absolute = (path: string) => new URL(path, location.href).href;
  backend.wasmPaths = { mjs: absolute(mjs), wasm: absolute(wasm) };
  // As many as fast-vlm uses; ONNX Runtime's default is half of the processors.
  backend.numThreads = crossOriginIsolated
    ? Math.min(4, navigator.hardwareConcurrency)
    : 1;
  env.useBrowserCache = false;
  env.useWasmCache = false;

  const { revision } = place;
  const processor = await AutoProcessor.from_pretrained(place.id, { revision });
  const tokenizer = tokenizerOf(processor);
  setImageSize(processor, options.size);
  const { device, dtypes } = options;
  const gpu = device === "webgpu" ? await openDevice(options.features) : null;
  const model = await AutoModelForImageTextToText.from_pretrained(place.id, {
    revision,
    device,
    dtype: { ...dtypes },
    ...(gpu && {
      session_options: {
        executionProviders: [{ name: "webgpu", device: gpu }],
      },
    }),
  });
  const ends = endTokens(model);
  const watch = watchEncoder(model);
  const canvas = new OffscreenCanvas(options.size, options.size);

  async function caption(
    frame: ImageBitmap,
    { text, maxTokens }: BenchQuestion,
  ): Promise<MeasuredCaption> {
    const before = read();
    const tokens: number[] = [];
    const start = now();
    // Like the demo page does for a video.
    const { width, height } = frame;
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("Cannot create a 2D canvas context.");
    context.drawImage(frame, 0, 0);
    frame.close();
    const { data } = context.getImageData(0, 0, width, height);
    const image = new RawImage(data, width, height, 4);
    const captured = now();
    const prompt = processor.apply_chat_template(
      [
        { role: "system", content: "You are a helpful assistant." },
        { role: "user", content: `<image>\n${text}` },
      ],
      { add_generation_prompt: true },
    );
    const given = { add_special_tokens: false };
    const inputs = (await processor(image, prompt, given)) as {
      input_ids: Tensor;
    };
    const pixels = now();
    watch.time = 0;
    const output = (await model.generate({
      ...inputs,
      do_sample: false,
      max_new_tokens: maxTokens,
      streamer: new TextStreamer(tokenizer, {
        skip_prompt: true,
        callback_function: () => undefined,
        token_callback_function: () => tokens.push(now()),
      }),
    })) as Tensor;
    const end = now();
    const prompted = inputs.input_ids.dims.at(-1);
    if (prompted === undefined) throw new Error("The prompt has no shape.");
    const ids = (output.tolist() as bigint[][]).flatMap((row) =>
      row.slice(prompted).map(Number),
    );
    // The last token ends the caption and is not part of it.
    const tokenIds = ids.filter((id) => !ends.has(id));
    // An empty caption has no tokens.
    const [first = end] = tokens;
    const last = tokens[tokenIds.length - 1] ?? first;
    const after = Math.max(0, tokenIds.length - 1);
    const marks = {
      start,
      ends: [captured, pixels, pixels + watch.time] as const,
      first,
      end,
      tokensPerSecond: after === 0 ? 0 : (after * 1000) / (last - first),
    };
    return measured(marks, tokenIds, difference(read().calls, before.calls));
  }

  return {
    caption,
    versions: {
      "@huggingface/transformers": env.version,
      "its onnxruntime-web": `${env.backends.onnx.versions?.["web"] ?? "?"} asyncify`,
    },
    memory: () => {
      const { bytes, peak } = read();
      return Promise.resolve({ now: bytes, peak });
    },
    dispose: async () => {
      await model.dispose();
      gpu?.destroy();
    },
  };
}

function placeOf(model: ModelSource): { id: string; revision: string } {
  if (model.kind === "hub") {
    env.allowRemoteModels = true;
    env.remoteHost = `${model.endpoint}/`;
    return { id: model.id, revision: model.revision };
  }
  if (model.kind === "folder")
    throw new Error("transformers.js cannot read local folders");
  const [, parent = "", id = ""] = /^(.*\/)([^/]+)\/$/.exec(model.url) ?? [];
  env.allowRemoteModels = true;
  env.remoteHost = parent;
  env.remotePathTemplate = "{model}/";
  return { id: decodeURIComponent(id), revision: "main" };
}

function tokenizerOf({ tokenizer }: Processor) {
  if (!tokenizer) throw new Error("transformers.js has no tokenizer");
  return tokenizer;
}

/** Sets the size of the processor's images. */
function setImageSize(processor: Processor, size: number): void {
  Object.assign(processor.image_processor ?? {}, {
    size: { shortest_edge: size },
    crop_size: { width: size, height: size },
  });
}

async function openDevice(wanted: readonly string[]): Promise<GPUDevice> {
  const power = { powerPreference: "high-performance" } as const;
  const adapter = await navigator.gpu.requestAdapter(power);
  if (!adapter) throw new Error("No WebGPU adapter is available.");
  const requiredLimits: Record<string, number> = {};
  for (const limit in adapter.limits) {
    const value = adapter.limits[limit as keyof GPUSupportedLimits];
    if (typeof value === "number") requiredLimits[limit] = value;
  }
  const requiredFeatures = wanted as GPUFeatureName[];
  return adapter.requestDevice({ requiredFeatures, requiredLimits });
}

function endTokens(model: Model): ReadonlySet<number> {
  const config = model.generation_config as {
    eos_token_id?: number | number[];
  } | null;
  return new Set([config?.eos_token_id ?? []].flat());
}

/** Measures the run time of the vision encoder, including reading its output. */
function watchEncoder(model: Model): { time: number } {
  const watch = { time: 0 };
  const { sessions } = model as { sessions: Record<string, Runnable> };
  const session = sessions["vision_encoder"];
  if (!session) throw new Error("transformers.js has no vision encoder");
  const run = session.run.bind(session);
  session.run = async (...given) => {
    const start = now();
    try {
      return await run(...given);
    } finally {
      watch.time += now() - start;
    }
  };
  return watch;
}

interface Runnable {
  run(...given: unknown[]): Promise<unknown>;
}
