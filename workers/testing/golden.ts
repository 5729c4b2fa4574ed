import { afterAll, beforeAll, expect } from "vitest";
import type { Device, ModelSource } from "../../src/shared/models";
import { loadModel } from "../loading/load";
import type { LoadedModel } from "../loading/loaded-model";
import { OrtLanguage } from "../backends/ort/language";
import { makePrompt } from "../stages/prompt";
import { loadOptions, options, say } from "./harness";

/** What PyTorch computes of a picture as large as the encoder's input: a row of
 * e2e/fixtures/golden, written by tools/fastvlm/golden.py and shapes/golden.py. */
interface Golden {
  readonly question: string;
  readonly promptIds: readonly number[];
  /** Some channels of each image token, evenly spread. */
  readonly features: readonly (readonly number[])[];
  readonly featureNorms: readonly number[];
  /** Of the prompt's last token. */
  readonly logits: readonly number[];
}

const TOLERANCE = 1e-4;

export const nano: ModelSource = {
  kind: "url",
  url: new URL("/models/nano/", location.href).href,
};

/** Loads a model before the tests of a block and frees it after them. */
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

export async function openPicture(url: URL): Promise<ImageBitmap> {
  const response = await fetch(url);
  return createImageBitmap(await response.blob());
}

/** The only one that shows its logits. */
export function ortLanguageOf({ language }: LoadedModel): OrtLanguage {
  if (language instanceof OrtLanguage) return language;
  throw new Error("the model does not run on the plain path");
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

/** Encoder and prefill against PyTorch's. */
export async function expectGolden(
  model: LoadedModel,
  frame: ImageBitmap,
  wanted: Golden,
): Promise<void> {
  const { config } = model;
  const language = ortLanguageOf(model);
  const size = frame.width;
  const asked = { ...options, messages: say(wanted.question), size };
  const [view] = model.preprocessor.views(frame, asked);
  if (view === undefined) throw new Error("no view of the picture");
  const pixels = model.preprocessor.run(frame, view);
  const features = await model.encoder.encode(pixels);
  const tokens = features.dims[1] ?? 0;
  const { tokenizer } = model;
  const prompt = makePrompt(tokenizer, asked, tokens, config.contextLength);
  expect(prompt.ids).toEqual(wanted.promptIds);

  const cache = language.newCache();
  const logits = await language.prefill(prompt, [[features]], cache);
  cache.dispose();
  const values = (await features.getData()) as Float32Array;
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
