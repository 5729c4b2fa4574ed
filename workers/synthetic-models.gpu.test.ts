import { describe, test } from "vitest";
import golden from "../e2e/fixtures/golden/tiny-wide.golden.json";
import type { LoadedModel } from "./loading/loaded-model";
import { expectGolden, openImage, useModel } from "./testing/golden";
import { syntheticModel } from "./testing/synthetic-model";

/**
 * FastVLM-0.5B's widths in the browser against `transformers` and timm: made
 * weights, one block a stage, two decoder layers. Needs no model's files.
 */
const pictures = new URL("../e2e/fixtures/synthetic/128.png", import.meta.url);

/** The software adapter is slow: the smallest image. */
const cases = { wasm: golden, webgpu: golden.slice(0, 1) };

describe.each(["wasm", "webgpu"] as const)("0.5B's widths on %s", (device) => {
  let model: LoadedModel;

  useModel(
    device,
    () => syntheticModel("tiny-wide"),
    (loaded) => {
      model = loaded;
    },
  );

  for (const { file, ...wanted } of cases[device]) {
    test(`${file}: ${wanted.question}`, async () => {
      const frame = await openImage(new URL(file, pictures));
      await expectGolden(model, frame, wanted);
    });
  }
});
