import { afterAll, beforeAll, describe, test } from "vitest";
import golden from "../e2e/fixtures/golden/tiny-wide.golden.json";
import { loadModel } from "./loading/load";
import type { Model } from "./model";
import { expectGolden } from "./testing/golden";
import { loadOptions } from "./testing/harness";
import { madeFolder } from "./testing/made";

/**
 * FastVLM-0.5B's widths in the browser against `transformers` and timm: made
 * weights, one block a stage, two decoder layers. Needs no model's files.
 */
const pictures = new URL("../e2e/fixtures/shapes/128.png", import.meta.url);
const never = new AbortController().signal;

/** The software adapter takes its time: the smallest picture. */
const cases = { wasm: golden, webgpu: golden.slice(0, 1) };

describe.each(["wasm", "webgpu"] as const)("0.5B's widths on %s", (device) => {
  let model: Model;

  beforeAll(async () => {
    const folder = await madeFolder("tiny-wide");
    const load = { ...loadOptions, model: folder, device };
    model = await loadModel(load, never, () => undefined);
  });

  afterAll(() => model.release());

  for (const { file, ...wanted } of cases[device]) {
    test(`${file}: ${wanted.question}`, async () => {
      const response = await fetch(new URL(file, pictures));
      const frame = await createImageBitmap(await response.blob());
      await expectGolden(model, frame, wanted);
    });
  }
});
