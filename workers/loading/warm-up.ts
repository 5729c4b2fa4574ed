import type { Graph } from "../../src/shared/models";
import { stretch } from "../kernels/geometry";
import type { LoadedModel } from "./model";
import type { Tensor } from "../ort/tensor";
import type { OrtBackend } from "../backends/ort/open";
import { prefill } from "../backends/ort/prefill";
import { makePrompt } from "../stages/prompt";
import { aborted } from "../store/errors";
import { Stopped } from "../util/scheduler";
import { mismatch } from "../model-files/config";
import { GREEDY } from "./verification";

const CONVERSATION = {
  messages: [{ role: "user", text: "Describe the image.", imageCount: 1 }],
  promptStyle: "reference",
} as const;

/** What makes pixels of a picture. */
type Seeing = Pick<LoadedModel, "preprocessor" | "memory">;

/**
 * Runs one picture and two tokens, so that every shader is compiled for the
 * real ones, and looks at what comes out. Gives the graph that gives NaN or
 * infinity, if one does.
 */
export async function warmUp(
  model: LoadedModel,
  { encoder, language }: OrtBackend,
  side: number,
  signal: AbortSignal,
): Promise<Graph | undefined> {
  const { tokenizer, memory, config } = model;
  const goOn = (): void => {
    if (signal.aborted) throw aborted();
  };
  const pixels = await busyPixels(model, side);
  goOn();
  const features = await encoder.encode(pixels);
  const cache = language.newCache();
  try {
    checkWidth(features, config.hidden);
    goOn();
    const tokens = features.dims[1] ?? 0;
    const { contextLength } = config;
    const prompt = makePrompt(tokenizer, CONVERSATION, tokens, contextLength);
    const pictures = [[features]];
    const first = await prefill(language, memory, prompt, pictures, cache);
    // Reading moves them off the GPU, so it comes after their last use.
    if (!isFinite(await features.getData())) return "vision_encoder";
    const text = await language.embed(prompt.texts.flat());
    try {
      if (!isFinite(await text.getData())) return "embed_tokens";
    } finally {
      text.dispose();
    }
    if (!isFinite(first)) return "decoder_model_merged";
    goOn();
    const token = await language.embed(prompt.ids.slice(0, 1));
    try {
      const second = await language.forward(token, cache);
      if (!isFinite(second)) return "decoder_model_merged";
    } finally {
      token.dispose();
    }
    goOn();
    return undefined;
  } finally {
    features.dispose();
    cache.dispose();
  }
}

/** Whether encoder or decoder make NaN or infinity of a busy picture, in the
 * prefill or in a step after it. */
export async function overflows(
  model: Seeing &
    Pick<LoadedModel, "encoder" | "language" | "tokenizer" | "config">,
  side: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { encoder, language, memory, tokenizer, config } = model;
  const pixels = await busyPixels(model, side);
  if (signal.aborted) throw aborted();
  let features: Tensor | undefined;
  try {
    features = await encoder.encode(pixels, signal);
    if (!isFinite(await memory.numbers(features))) return true;
    if (signal.aborted) throw aborted();
    const tokens = features.dims[1] ?? 0;
    const { contextLength } = config;
    const prompt = makePrompt(tokenizer, CONVERSATION, tokens, contextLength);
    const pictures = [{ key: crypto.randomUUID(), features: [features] }];
    const how = { sampling: GREEDY, draft: [], signal };
    const generation = await language.begin(prompt, pictures, how);
    try {
      for (let step = 0; step < 2; step++) {
        await generation.next(1);
        if (signal.aborted) throw aborted();
        const { logits } = language;
        if (logits === undefined) continue;
        const { buffer, dims, type } = logits;
        const numbers = memory.numbers(memory.onBuffer(buffer, dims, type));
        if (!isFinite(await numbers)) return true;
      }
      return false;
    } finally {
      generation.dispose();
    }
  } catch (error) {
    throw error instanceof Stopped ? aborted() : error;
  } finally {
    features?.dispose();
  }
}

/** Stripes and noise in full contrast: what overflows does so on these. */
async function busyPixels(model: Seeing, side: number): Promise<Tensor> {
  const image = new ImageData(side, side);
  const words = new Uint32Array(image.data.buffer);
  for (let i = 0; i < words.length; i++) {
    const stripe = ((i >> 5) + Math.floor(i / side / 32)) % 2 === 0;
    const noise = Math.imul(i + 1, 0x9e3779b1);
    words[i] = (stripe ? noise : ~0) | 0xff000000;
  }
  const frame = await createImageBitmap(image);
  try {
    return model.preprocessor.run(frame, stretch(side, side, side));
  } finally {
    frame.close();
  }
}

/** What the file left open. */
function checkWidth({ dims }: Tensor, hidden: number): void {
  if (dims[2] === hidden) return;
  throw mismatch(
    `vision_encoder: image_features is [${dims.join(", ")}], not ${hidden} wide as config.json says.`,
  );
}

/** Half precision comes as bits where there is no Float16Array: an exponent
 * of ones is NaN or infinity. */
function isFinite(data: Tensor["data"]): boolean {
  if (data instanceof Uint16Array) {
    return data.every((bits) => (bits & 0x7c00) !== 0x7c00);
  }
  return (data as Float32Array).every(Number.isFinite);
}
