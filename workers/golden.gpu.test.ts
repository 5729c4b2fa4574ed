import { afterAll, beforeAll, describe, expect, test } from "vitest";
import golden from "../e2e/fixtures/golden/nano.golden.json";
import { loadModel } from "./loading/load";
import type { Model } from "./model";
import { describe as answer } from "./pipeline";
import { expectGolden } from "./testing/golden";
import { options, say } from "./testing/harness";

/**
 * nano in the browser against PyTorch: tools/fastvlm/golden.py writes what is
 * compared. A difference means that the model folder and the golden file come
 * from different checkpoints, or that a stage computes something else.
 */
const folder = new URL("/models/nano/", location.href).href;
const scenes = new URL("../e2e/fixtures/scenes/scenes.jsonl", import.meta.url);
const never = new AbortController().signal;

async function open(file: string): Promise<ImageBitmap> {
  const response = await fetch(new URL(file, scenes));
  return createImageBitmap(await response.blob());
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
      path: "plain",
    } as const;
    model = await loadModel(load, never, () => undefined);
  });

  afterAll(() => model.release());

  for (const { file, question, ...wanted } of cases[device]) {
    test(`${file}: ${question}`, async () => {
      const frame = await open(file);
      await expectGolden(model, frame, { question, ...wanted });

      const asked = { ...options, messages: say(question), maxTokens: 64 };
      const got = await answer(model, [frame], asked, never, () => undefined);
      expect(got).toMatchObject({
        text: wanted.text,
        tokenIds: wanted.tokenIds,
        finish: "stop",
      });
    });
  }
});
