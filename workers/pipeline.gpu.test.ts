import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { GenerateOptions, WorkerEvent } from "../src/shared/protocol";
import { loadModel } from "./loading/load";
import type { LoadedModel } from "./loading/loaded-model";
import { generate } from "./pipeline";
import { Stopped } from "./util/scheduler";
import {
  loadOptions,
  microOfSize,
  options,
  testImage,
} from "./testing/harness";

const never = new AbortController().signal;

function ask(
  model: LoadedModel,
  seeds: readonly number[],
  changes: Partial<GenerateOptions>,
  emit: (event: WorkerEvent) => void = () => undefined,
  signal = never,
) {
  return Promise.all(seeds.map(testImage)).then((frames) =>
    generate(
      model,
      frames,
      { ...options, size: SIZE, maxTokens: 2, ...changes },
      signal,
      emit,
    ),
  );
}

const SIZE = 128;
/** Image tokens of an image. */
const TOKENS = (SIZE / 64) ** 2;

const talk: GenerateOptions["messages"] = [
  { role: "user", text: "Which is red?", imageCount: 2 },
  { role: "assistant", text: "The first.", imageCount: 0 },
  { role: "user", text: "And this one?", imageCount: 1 },
];

describe.each(["wasm", "webgpu"] as const)("on %s", (device) => {
  let model: LoadedModel;

  beforeAll(async () => {
    const load = { ...loadOptions, model: await microOfSize(SIZE), device };
    model = await loadModel(load, never, () => undefined);
  });

  afterAll(() => model.release());

  test("answers about several images in several turns", async () => {
    const events: WorkerEvent[] = [];
    const messages = talk;
    const got = await ask(model, [1, 2, 3], { messages }, (event) =>
      events.push(event),
    );
    expect(got.imageTokens).toBe(3 * TOKENS);
    expect(got.tokenIds).toHaveLength(2);
    const images = events.filter(({ type }) => type === "image");
    expect(images).toMatchObject([{ imageTokens: 3 * TOKENS }]);
    const { preprocess, encode, prefill, firstDecode } = got.timings;
    expect(preprocess + encode + prefill + firstDecode).toBeCloseTo(
      got.timings.firstToken,
      3,
    );
  });

  test("AnyRes uses five times the image tokens", async () => {
    const plain = await ask(model, [1], {});
    const five = await ask(model, [1], { anyres: true });
    expect(five.imageTokens).toBe(5 * plain.imageTokens);
    expect(five.promptTokens - plain.promptTokens).toBe(4 * TOKENS);
    await expect(
      ask(model, [1, 2, 3, 4, 5, 6, 7], {
        ...{ anyres: true, size: 256 },
        messages: [{ role: "user", text: "?", imageCount: 7 }],
      }),
    ).rejects.toMatchObject({
      code: "prompt-too-long",
      message: expect.stringMatching(/7 images of 80 tokens .* 512/) as string,
    });
  });

  test("answers a prompt without images", async () => {
    const messages = [{ role: "user", text: "Hello?", imageCount: 0 }] as const;
    const got = await ask(model, [], { messages });
    expect(got).toMatchObject({ imageTokens: 0, finish: "length" });
  });

  test("a watcher's request about an unchanged image ends before prefill", async () => {
    const begin = vi.spyOn(model.language, "begin");
    const watch = async (seed: number, watcher: string) => {
      begin.mockClear();
      const got = await ask(model, [seed], { gate: 0.02, watcher });
      expect(begin).toHaveBeenCalledTimes(got.finish === "abort" ? 0 : 1);
      return got;
    };
    expect(await watch(1, "a")).toMatchObject({ finish: "length" });
    const same = { finish: "abort", tokenIds: [], unchanged: 1 };
    expect(await watch(1, "a")).toMatchObject(same);
    expect(await watch(1, "b")).toMatchObject({ finish: "length" });
    expect(await watch(2, "a")).toMatchObject({ unchanged: 0 });
    // The image is not new to the detector, but to this watcher.
    expect(await watch(2, "b")).toMatchObject({
      ...{ finish: "length", unchanged: 1 },
    });
    expect(await watch(2, "b")).toMatchObject(same);
    vi.restoreAllMocks();
  });

  test("an abort between two views encodes no further view", async () => {
    const controller = new AbortController();
    let encoded = 0;
    const { encoder } = model;
    const encode = encoder.encode.bind(encoder);
    vi.spyOn(encoder, "encode").mockImplementation((pixels) => {
      if (++encoded === 2) controller.abort();
      return encode(pixels);
    });
    const events: WorkerEvent[] = [];
    const got = await ask(
      model,
      [1],
      { anyres: true },
      (event) => events.push(event),
      controller.signal,
    );
    expect(got).toMatchObject({ finish: "abort", tokenIds: [] });
    vi.restoreAllMocks();
    expect(encoded).toBe(2);
    expect(events).toEqual([]);
  });

  test("resolves with finish abort when a stage throws Stopped", async () => {
    const { encoder, language } = model;
    const whole = await ask(model, [1], {});
    for (const stage of [
      vi.spyOn(encoder, "encode"),
      vi.spyOn(language, "begin"),
    ]) {
      stage.mockRejectedValueOnce(new Stopped());
      const got = await ask(model, [1], {});
      expect(got).toMatchObject({ finish: "abort", tokenIds: [], text: "" });
      expect(got.timings.firstToken).toBe(0);
      const { tokenIds } = await ask(model, [1], {});
      expect(tokenIds).toEqual(whole.tokenIds);
    }
    vi.restoreAllMocks();
  });

  test("changing the size from frame to frame leaks no GPU memory", async () => {
    // The context is 512 tokens, and the software adapter is slow.
    const wide = [256, 384, 512, 640, 768, 1024];
    const sizes = device === "wasm" ? wide : [64, 192];
    const round = async (): Promise<number> => {
      for (const size of sizes) {
        const { imageTokens } = await ask(model, [1], { size, maxTokens: 1 });
        expect(imageTokens).toBe((size / 64) ** 2);
      }
      return model.gpu?.bytes.now ?? 0;
    };
    const first = await round();
    expect(await round()).toBe(first);
  });
});
