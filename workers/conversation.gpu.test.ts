import { describe, expect, test, vi } from "vitest";
import type { GenerateOptions } from "../src/shared/protocol";
import type { LoadedModel } from "./loading/loaded-model";
import { generate } from "./pipeline";
import golden from "./testing/conversation.golden.json";
import { nano, openImage, ortLanguageOf, useModel } from "./testing/golden";
import { options } from "./testing/harness";

/**
 * nano about images with every fit, about several images and in several turns,
 * against its own graphs in ONNX Runtime, with Pillow's resizing and
 * transformers' prompt: tools/fixtures/make_conversation_golden.py.
 */
const photo = new URL("../e2e/fixtures/photo.jpg", import.meta.url);
const never = new AbortController().signal;

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

/** The software adapter takes its time: tiles and several turns. */
const cases = {
  wasm: golden,
  webgpu: golden.filter(({ options }) => options.anyres && options.size === 64),
};

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

  for (const wanted of cases[device]) {
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
