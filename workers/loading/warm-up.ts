import type { Graph } from "../../src/shared/models";
import { requestDefaults } from "../../src/shared/options";
import type { Prompt } from "../backends/backend";
import type { OrtBackend } from "../backends/ort/open";
import { stretch } from "../kernels/resize-geometry";
import { mismatch } from "../model-files/config";
import type { Tensor } from "../ort/tensor";
import { makePrompt } from "../stages/prompt";
import { defined } from "../util/assert";
import type { LoadedModel } from "./loaded-model";

/**
 * Runs the ORT backend for one image and two tokens, so that its shaders are
 * compiled before the first request. Returns the graph that computes NaN or
 * Infinity, if one does.
 */
export async function warmUp(
  model: LoadedModel,
  { encoder, language }: OrtBackend,
  size: number,
  signal: AbortSignal,
): Promise<Graph | undefined> {
  const { tensors } = model;
  const pixels = await preprocessImage(model, noise(size));
  signal.throwIfAborted();
  const features = await encoder.encode(pixels);
  const cache = language.newCache();
  try {
    checkWidth(features, model.config.hidden);
    signal.throwIfAborted();
    const prompt = promptAbout(features, "Describe the image.", model);
    const images = [[features]];
    const first = await language.prefill(prompt, images, cache);
    if (!allFinite(await tensors.numbers(features))) return "vision_encoder";
    const text = await language.embed(prompt.texts.flat());
    try {
      if (!allFinite(await tensors.numbers(text))) return "embed_tokens";
    } finally {
      text.dispose();
    }
    if (!allFinite(first)) return "decoder_model_merged";
    signal.throwIfAborted();
    const token = await language.embed(prompt.ids.slice(0, 1));
    try {
      const second = await language.forward(token, cache);
      if (!allFinite(second)) return "decoder_model_merged";
    } finally {
      token.dispose();
    }
    signal.throwIfAborted();
    return undefined;
  } finally {
    features.dispose();
    cache.dispose();
  }
}

/** The prompt of a question about the image with these features. */
export function promptAbout(
  { dims }: Tensor,
  text: string,
  { tokenizer, config }: LoadedModel,
): Prompt {
  const messages = [{ role: "user", text, imageCount: 1 }] as const;
  const tokens = defined(dims[1], "image tokens");
  const conversation = { messages, promptStyle: "reference" } as const;
  return makePrompt(tokenizer, conversation, tokens, config.contextLength);
}

/** Stripes and noise in full contrast, which cause an overflow sooner than
 * ordinary images. */
export function noise(size: number): ImageData {
  const image = new ImageData(size, size);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i++) {
    const stripe = ((i >> 5) + Math.floor(i / size / 32)) % 2 === 0;
    const random = Math.imul(i + 1, 0x9e3779b1);
    pixels[i] = (stripe ? random : ~0) | 0xff000000;
  }
  return image;
}

/** A square image at its own size as pixels for the encoder. */
export async function preprocessImage(
  { preprocessor }: Pick<LoadedModel, "preprocessor">,
  image: ImageData,
): Promise<Tensor> {
  const size = image.width;
  const frame = await createImageBitmap(image);
  try {
    const view = stretch(size, size, size);
    return await preprocessor.run(frame, view, requestDefaults);
  } finally {
    frame.close();
  }
}

/** Checks what the graph file leaves open. */
function checkWidth({ dims }: Tensor, hidden: number): void {
  if (dims[2] === hidden) return;
  throw mismatch(
    `vision_encoder: image_features has the shape [${dims.join(", ")}], but config.json has a hidden size of ${hidden}.`,
  );
}

export function allFinite(numbers: Float32Array): boolean {
  return numbers.every(Number.isFinite);
}
