import { greedySampling } from "../../src/shared/options";
import type { EncodedImage } from "../backends/backend";
import { fixedImageSize } from "../model-files/graph-contract";
import type { Tensor } from "../ort/tensor";
import { decode } from "../stages/decode";
import { defined } from "../util/assert";
import type { LoadPlan } from "./load-plan";
import type { LoadedModel } from "./loaded-model";
import { backendTitles, type OwnBackend } from "./rejection";
import { allFinite, noise, preprocessImage, promptAbout } from "./warm-up";

/** Tokens on which the backends have to agree. */
const TOKENS = 8;

/** Width and height of the test image where the backend runs on a CPU, which
 * has no shaders to compile and takes seconds for a large image. */
const CPU_SIZE = 256;

export function testImageSize({ hardware, config, graphs }: LoadPlan): number {
  const only = fixedImageSize(graphs.vision_encoder.graph);
  if (only !== undefined) return only;
  return hardware.software ? Math.min(config.size, CPU_SIZE) : config.size;
}

/** The tokens that the model generates for the test image. */
export async function answerTestImage(
  model: LoadedModel,
  size: number,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const features = await encodeTestImage(model, size, signal);
  try {
    return await answer(model, newImage(features), [], signal);
  } finally {
    features.dispose();
  }
}

/**
 * Runs a backend of our own on images and compares its tokens with `expected`,
 * the reference's. Returns why it is rejected, if it is.
 */
export async function verify(
  model: LoadedModel,
  expected: readonly number[],
  size: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const backend = ownBackendOf(model);
  if (await overflows(model, size, signal)) {
    return `${backendTitles[backend]} produced NaN or Infinity on the test image.`;
  }
  const features = await encodeTestImage(model, size, signal);
  try {
    let image = newImage(features);
    const plain = await answer(model, image, [], signal);
    image = newImage(features);
    const drafted = await answer(model, image, plain, signal);
    if (!equal(plain, expected) || !equal(drafted, expected)) {
      return differs(backend);
    }
    if (backend === "webgpu") {
      // Records the short prefill of a second question about the same image.
      await answer(model, image, [], signal, "Why?");
    }
    return undefined;
  } finally {
    features.dispose();
  }
}

/** Runs only the test that has to be compiled for anyway: the answer about the test
 * image. On the CPU nothing is compiled, and the same code gives the same answer.
 * Returns why the backend is rejected, if it is. */
export async function verifyAgain(
  model: LoadedModel,
  expected: readonly number[],
  size: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const backend = ownBackendOf(model);
  if (backend === "wasm") return undefined;
  const tokens = await answerTestImage(model, size, signal);
  return equal(tokens, expected) ? undefined : differs(backend);
}

function ownBackendOf({ info }: LoadedModel): OwnBackend {
  if (info.backend !== "ort") return info.backend;
  throw new Error("The reference is not verified.");
}

function differs(backend: OwnBackend): string {
  return `${backendTitles[backend]}'s answer differs from the reference backend's on the test image.`;
}

/** Whether the model computes NaN or Infinity for a noisy image, in the encoder,
 * in the prefill or in a decode step. */
async function overflows(
  model: LoadedModel,
  size: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { encoder, language, tensors } = model;
  const pixels = await preprocessImage(model, noise(size));
  signal.throwIfAborted();
  const features = await encoder.encode(pixels, signal);
  try {
    if (!allFinite(await tensors.numbers(features))) return true;
    signal.throwIfAborted();
    const prompt = promptAbout(features, "Describe the image.", model);
    const how = { sampling: greedySampling, draft: [], signal };
    const generation = await language.begin(prompt, [newImage(features)], how);
    try {
      for (let step = 0; step < 2; step++) {
        await generation.next(1);
        signal.throwIfAborted();
        if (language.logits === undefined) continue;
        const { buffer, dims, type } = language.logits;
        const logits = tensors.onBuffer(buffer, dims, type);
        if (!allFinite(await tensors.numbers(logits))) return true;
      }
      return false;
    } finally {
      generation.dispose();
    }
  } finally {
    features.dispose();
  }
}

async function encodeTestImage(
  model: LoadedModel,
  size: number,
  signal: AbortSignal,
): Promise<Tensor> {
  const pixels = await preprocessImage(model, redDisc(size));
  return model.encoder.encode(pixels, signal);
}

/** Has a new key, so that the KV cache is not reused for the image. */
function newImage(features: Tensor): EncodedImage {
  return { key: crypto.randomUUID(), features: [features] };
}

async function answer(
  model: LoadedModel,
  image: EncodedImage,
  draft: readonly number[],
  signal: AbortSignal,
  question = questionFor(model),
): Promise<readonly number[]> {
  const { language, endTokens, config } = model;
  const features = defined(image.features[0], "features");
  const prompt = promptAbout(features, question, model);
  const limit = Math.min(TOKENS, config.contextLength - prompt.ids.length + 1);
  const how = {
    sampling: greedySampling,
    draft: draft.slice(0, limit - 1),
    signal,
  };
  const generation = await language.begin(prompt, [image], how);
  const tokens: number[] = [];
  try {
    await decode(generation, { endTokens, limit, signal }, (ids) => {
      tokens.push(...ids);
    });
    return tokens;
  } finally {
    generation.dispose();
  }
}

/** A question that the model was trained for, whose answer is several tokens long. */
function questionFor({ info }: LoadedModel): string {
  return info.questions[0] ?? "Describe the image.";
}

/** The test image. It is so simple that no model is undecided about a token,
 * which rounding could then change. */
function redDisc(size: number): ImageData {
  const image = new ImageData(size, size);
  const pixels = new Uint32Array(image.data.buffer);
  const middle = (size - 1) / 2;
  for (let i = 0; i < pixels.length; i++) {
    const x = (i % size) - middle;
    const y = Math.floor(i / size) - middle;
    const inside = x * x + y * y < (size * size) / 9;
    pixels[i] = inside ? 0xff2828dc : 0xffffffff;
  }
  return image;
}

function equal(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
