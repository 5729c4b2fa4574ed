import { describe, expect, test, vi } from "vitest";
import golden from "../e2e/fixtures/golden/nano.golden.json";
import type { GenerateOptions } from "../src/shared/protocol";
import type { LoadedModel } from "./loading/loaded-model";
import { generate } from "./pipeline";
import conversations from "./testing/conversation.golden.json";
import {
  expectGolden,
  nano,
  openImage,
  ortLanguageOf,
  useModel,
} from "./testing/golden";
import { options, imageQuestion } from "./testing/harness";

const scenes = new URL("../e2e/fixtures/scenes/scenes.jsonl", import.meta.url);
const photo = new URL("../e2e/fixtures/photo.jpg", import.meta.url);
const never = new AbortController().signal;

/** The software adapter is slow: one image, and one conversation. */
const cases = {
  wasm: { images: golden, conversations },
  webgpu: {
    images: golden.slice(0, 1),
    conversations: conversations.filter(
      ({ options }) => options.anyres && options.size === 64,
    ),
  },
};

/** The logits of the first token of each answer from now on. */
function listen(model: LoadedModel): Float32Array[] {
  const language = ortLanguageOf(model);
  const heard: Float32Array[] = [];
  const forward = language.forward.bind(language);
  vi.spyOn(language, "forward").mockImplementation(async (embeds, cache) => {
    const first = cache.length === 0;
    const logits = await forward(embeds, cache);
    if (first) heard.push(logits.slice());
    return logits;
  });
  return heard;
}

describe.each(["wasm", "webgpu"] as const)("nano on %s", (device) => {
  let model: LoadedModel;
  let heard: Float32Array[];

  useModel(
    device,
    () => nano,
    (loaded) => {
      model = loaded;
      heard = listen(model);
    },
  );

  /**
   * Against PyTorch: tools/fastvlm/golden.py writes what is compared. A
   * difference means that the model folder and the golden file come from
   * different checkpoints, or that a stage computes something else.
   */
  for (const { file, question, ...wanted } of cases[device].images) {
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

  /**
   * Images with every fit, several images and several turns, against the same
   * graphs in ONNX Runtime, with Pillow's resizing and transformers' prompt:
   * tools/fixtures/make_conversation_golden.py.
   */
  for (const wanted of cases[device].conversations) {
    const { fit, anyres, size, promptStyle, messages } = wanted.options;
    const count = wanted.images.length;
    const title = `${count} images in ${messages.length} turns, ${promptStyle}, ${fit}, ${anyres ? "AnyRes " : ""}${size}`;
    test(title, async () => {
      const frames = await Promise.all(
        wanted.images.map((file) => openImage(new URL(file, photo))),
      );
      const asked = {
        ...options,
        ...(wanted.options as Partial<GenerateOptions>),
        maxTokens: 12,
      };
      const got = await generate(model, frames, asked, never, () => undefined);
      expect(got.promptTokens).toBe(wanted.promptTokens);
      expect(got.tokenIds).toEqual(wanted.tokenIds);
      const logits = heard.at(-1);
      const errors = wanted.logits.map((value, i) =>
        Math.abs((logits?.[i] ?? NaN) - value),
      );
      const largest = Math.max(...wanted.logits.map(Math.abs));
      expect(Math.max(...errors) / largest).toBeLessThan(1e-4);
    });
  }
});
