/** transformers.js, used as its own demo page of this model uses it. */
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
  type Contender,
  type Measured,
  type Question,
} from "./engine";

export interface RivalOptions {
  readonly model: ModelSource;
  readonly device: Device;
  readonly dtypes: GraphDtypes;
  /** Of the device that fast-vlm runs on: the same for both. */
  readonly features: readonly string[];
  readonly side: number;
}

export interface Rival extends Contender {
  readonly versions: Readonly<Record<string, string>>;
}

type Processor = Awaited<ReturnType<typeof AutoProcessor.from_pretrained>>;
type Model = Awaited<
  ReturnType<typeof AutoModelForImageTextToText.from_pretrained>
>;

export async function openRival(
  options: RivalOptions,
  read: () => GpuUse,
): Promise<Rival> {
  const place = placeOf(options.model);
  const backend = env.backends.onnx.wasm;
  if (!backend) throw new Error("transformers.js has no wasm backend");
  const absolute = (path: string) => new URL(path, location.href).href;
  backend.wasmPaths = { mjs: absolute(mjs), wasm: absolute(wasm) };
  // As many as ours has: the runtime's own choice is half of the processors.
  backend.numThreads = crossOriginIsolated
    ? Math.min(4, navigator.hardwareConcurrency)
    : 1;
  env.useBrowserCache = false;
  env.useWasmCache = false;

  const { revision } = place;
  const processor = await AutoProcessor.from_pretrained(place.id, { revision });
  const tokenizer = tokenizerOf(processor);
  takeSide(processor, options.side);
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
  const canvas = new OffscreenCanvas(options.side, options.side);

  async function caption(
    frame: ImageBitmap,
    { text, maxTokens }: Question,
  ): Promise<Measured> {
    const before = read();
    const tokens: number[] = [];
    const start = now();
    // The demo's way from a video to the model.
    const { width, height } = frame;
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("No canvas to draw on.");
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
    const prompted = inputs.input_ids.dims.at(-1) ?? 0;
    const ids = (output.tolist() as bigint[][]).flatMap((row) =>
      row.slice(prompted).map(Number),
    );
    // The end token comes last and is no part of the caption.
    const tokenIds = ids.filter((id) => !ends.has(id));
    // An empty caption is told of by its end.
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
    throw new Error("transformers.js reads no folders");
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

/** The processor's own picture is of that side, too. */
function takeSide(processor: Processor, side: number): void {
  Object.assign(processor.image_processor ?? {}, {
    size: { shortest_edge: side },
    crop_size: { width: side, height: side },
  });
}

async function openDevice(wanted: readonly string[]): Promise<GPUDevice> {
  const power = { powerPreference: "high-performance" } as const;
  const adapter = await navigator.gpu.requestAdapter(power);
  if (!adapter) throw new Error("There is no WebGPU adapter.");
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

/** How long the vision encoder ran, its features read back. */
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
