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

// synthetic-models.long.gpu.test.ts runs the smallest image on WebGPU.
describe("0.5B's widths on wasm", () => {
  let model: LoadedModel;

  useModel(
    "wasm",
    () => syntheticModel("tiny-wide"),
    (loaded) => {
      model = loaded;
    },
  );

  for (const { file, ...wanted } of golden) {
    test(`${file}: ${wanted.question}`, async () => {
      const frame = await openImage(new URL(file, pictures));
      await expectGolden(model, frame, wanted);
    });
  }
});
