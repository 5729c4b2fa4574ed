import { describe, expect, test } from "vitest";
import golden from "../e2e/fixtures/golden/nano.golden.json";
import type { LoadedModel } from "./loading/loaded-model";
import { generate } from "./pipeline";
import { expectGolden, nano, openImage, useModel } from "./testing/golden";
import { options, imageQuestion } from "./testing/harness";

/**
 * nano in the browser against PyTorch: tools/fastvlm/golden.py writes what is
 * compared. A difference means that the model folder and the golden file come
 * from different checkpoints, or that a stage computes something else.
 */
const scenes = new URL("../e2e/fixtures/scenes/scenes.jsonl", import.meta.url);
const never = new AbortController().signal;

/** The software adapter is slow: one image with shapes, one with text. */
const cases = {
  wasm: golden,
  webgpu: [...golden.slice(0, 1), ...golden.slice(-1)],
};

describe.each(["wasm", "webgpu"] as const)("nano on %s", (device) => {
  let model: LoadedModel;

  useModel(
    device,
    () => nano,
    (loaded) => {
      model = loaded;
    },
  );

  for (const { file, question, ...wanted } of cases[device]) {
    test(`${file}: ${question}`, async () => {
      const frame = await openImage(new URL(file, scenes));
      await expectGolden(model, frame, { question, ...wanted });

      const asked = {
        ...options,
        messages: imageQuestion(question),
        maxTokens: 64,
      };
      const got = await generate(model, [frame], asked, never, () => undefined);
      expect(got).toMatchObject({
        text: wanted.text,
        tokenIds: wanted.tokenIds,
        finish: "stop",
      });
    });
  }
});
