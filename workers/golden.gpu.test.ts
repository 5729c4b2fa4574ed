import { afterAll, beforeAll, describe, expect, test } from "vitest";
import golden from "../e2e/fixtures/golden/nano.golden.json";
import { encode } from "./encode";
import { loadModel } from "./load";
import type { Model } from "./model";
import { describe as answer } from "./pipeline";
import { prefill } from "./prefill";
import { makePrompt } from "./prompt";
import { options, say } from "./testing/harness";

/**
 * nano in the browser against PyTorch: tools/fastvlm/golden.py writes what is
 * compared. A difference means that the model folder and the golden file come
 * from different checkpoints, or that a stage computes something else.
 */
const folder = new URL("/models/nano/", location.href).href;
const scenes = new URL("../e2e/fixtures/scenes/scenes.jsonl", import.meta.url);
const never = new AbortController().signal;
const tolerance = 1e-3;

async function open(file: string): Promise<ImageBitmap> {
  const response = await fetch(new URL(file, scenes));
  return createImageBitmap(await response.blob());
}

/** Largest difference over the largest value. */
function relativeError(got: ArrayLike<number>, wanted: number[]): number {
  expect(got).toHaveLength(wanted.length);
  const largest = Math.max(...wanted.map(Math.abs));
  const errors = wanted.map((value, i) => Math.abs((got[i] ?? NaN) - value));
  return Math.max(...errors) / largest;
}

/** The software adapter takes its time: one picture with shapes, one text. */
const cases = {
  wasm: golden,
  webgpu: [...golden.slice(0, 1), ...golden.slice(-1)],
};

describe.each(["wasm", "webgpu"] as const)("nano on %s", (device) => {
  let model: Model;

  beforeAll(async () => {
    const load = {
      model: { kind: "url", url: folder },
      device,
      dtype: "fp32",
    } as const;
    model = await loadModel(load, never, () => undefined);
  });

  afterAll(() => model.release());

  for (const { file, question, ...wanted } of cases[device]) {
    test(`${file}: ${question}`, async () => {
      const { language, memory, config } = model;
      const frame = await open(file);
      const asked = { ...options, messages: say(question), maxTokens: 64 };
      const [view] = model.preprocessor.views(frame, asked);
      if (view === undefined) throw new Error("no view of the picture");
      const pixels = model.preprocessor.run(frame, view);
      const features = await encode(model.vision, pixels);
      const prompt = makePrompt(
        model.tokenizer,
        asked,
        features.dims[1] ?? 0,
        config.contextLength,
      );
      expect(prompt.ids).toEqual(wanted.promptIds);

      const cache = language.newCache();
      const pictures = [[features]];
      const logits = await prefill(language, memory, prompt, pictures, cache);
      cache.dispose();
      expect(relativeError(logits, wanted.logits)).toBeLessThan(tolerance);

      const values = (await features.getData()) as Float32Array;
      features.dispose();
      const rows = wanted.featureNorms.map((_, row) =>
        values.subarray(row * config.hidden, (row + 1) * config.hidden),
      );
      const heads = rows.flatMap((row) => [...row.subarray(0, 8)]);
      expect(relativeError(heads, wanted.features.flat())).toBeLessThan(
        tolerance,
      );
      const norms = rows.map((row) => Math.hypot(...row));
      expect(relativeError(norms, wanted.featureNorms)).toBeLessThan(tolerance);

      const got = await answer(model, [frame], asked, never, () => undefined);
      expect(got).toMatchObject({
        text: wanted.text,
        tokenIds: wanted.tokenIds,
        finish: "stop",
      });
    });
  }
});
