import { afterAll, beforeAll, expect } from "vitest";
import type { Device, ModelSource } from "../../src/shared/models";
import { loadModel } from "../loading/load";
import type { LoadedModel } from "../loading/loaded-model";
import { OrtLanguage } from "../backends/ort/language";
import { makePrompt } from "../stages/prompt";
import { loadOptions, options, imageQuestion } from "./harness";

/** PyTorch's results for an image of the encoder's input size: a row of a file in
 * e2e/fixtures/golden. */
interface Golden {
  readonly question: string;
  readonly promptIds: readonly number[];
  /** Some channels of each image token, evenly spaced. */
  readonly features: readonly (readonly number[])[];
  readonly featureNorms: readonly number[];
  /** Logits of the prompt's last position. */
  readonly logits: readonly number[];
}

const TOLERANCE = 1e-4;

export const nano: ModelSource = {
  kind: "url",
  url: new URL("/models/nano/", location.href).href,
};

/** Loads a model before the tests of a block and releases it after them. */
export function useModel(
  device: Device,
  source: () => ModelSource | Promise<ModelSource>,
  take: (model: LoadedModel) => void,
): void {
  let model: LoadedModel | undefined;

  beforeAll(async () => {
    const load = { ...loadOptions, model: await source(), device };
    const { signal } = new AbortController();
    model = await loadModel(load, signal, () => undefined);
    take(model);
  });

  afterAll(() => model?.release());
}

export async function openImage(url: URL): Promise<ImageBitmap> {
  const response = await fetch(url);
  return createImageBitmap(await response.blob());
}

/** The language model of the ORT backend, which returns its logits. */
export function ortLanguageOf({ language }: LoadedModel): OrtLanguage {
  if (language instanceof OrtLanguage) return language;
  throw new Error("The model does not run on the ORT backend.");
}

/** Largest difference over the largest value. */
function relativeError(
  got: ArrayLike<number>,
  wanted: readonly number[],
): number {
  expect(got).toHaveLength(wanted.length);
  const largest = Math.max(...wanted.map(Math.abs));
  const errors = wanted.map((value, i) => Math.abs((got[i] ?? NaN) - value));
  return Math.max(...errors) / largest;
}

/** Compares the encoder and the prefill with PyTorch. */
export async function expectGolden(
  model: LoadedModel,
  frame: ImageBitmap,
  wanted: Golden,
): Promise<void> {
  const { config } = model;
  const language = ortLanguageOf(model);
  const size = frame.width;
  const request = {
    ...options,
    messages: imageQuestion(wanted.question),
    size,
  };
  const [view] = model.preprocessor.views(frame, request);
  if (view === undefined) throw new Error("The image has no views.");
  const pixels = await model.preprocessor.run(frame, view, request);
  const features = await model.encoder.encode(pixels);
  const tokens = features.dims[1] ?? 0;
  const { tokenizer } = model;
  const prompt = makePrompt(tokenizer, request, tokens, config.contextLength);
  expect(prompt.ids).toEqual(wanted.promptIds);

  const cache = language.newCache();
  const logits = await language.prefill(prompt, [[features]], cache);
  cache.dispose();
  const values = await model.tensors.numbers(features);
  features.dispose();
  const rows = wanted.featureNorms.map((_, row) =>
    values.subarray(row * config.hidden, (row + 1) * config.hidden),
  );
  const kept = wanted.features[0]?.length ?? 0;
  const some = rows.flatMap((row) =>
    Array.from(
      { length: kept },
      (_, i) => row[i * Math.floor(config.hidden / kept)] ?? NaN,
    ),
  );
  const norms = rows.map((row) => Math.hypot(...row));
  const errors = {
    features: relativeError(some, wanted.features.flat()),
    norms: relativeError(norms, wanted.featureNorms),
    logits: relativeError(logits, wanted.logits),
  };
  for (const [name, error] of Object.entries(errors)) {
    expect(error, name).toBeLessThan(TOLERANCE);
  }
}
