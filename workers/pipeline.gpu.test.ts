import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { GenerateOptions, WorkerEvent } from "../src/shared/protocol";
import { loadModel } from "./loading/load";
import type { LoadedModel } from "./loading/model";
import { describe as answer } from "./pipeline";
import { Stopped } from "./util/scheduler";
import { loadOptions, options, picture } from "./testing/harness";

const never = new AbortController().signal;

function ask(
  model: LoadedModel,
  seeds: readonly number[],
  changes: Partial<GenerateOptions>,
  emit: (event: WorkerEvent) => void = () => undefined,
  signal = never,
) {
  return Promise.all(seeds.map(picture)).then((frames) =>
    answer(
      model,
      frames,
      { ...options, maxTokens: 2, ...changes },
      signal,
      emit,
    ),
  );
}

/** The context of the tiny model is short: two pictures are 32 tokens. */
const talk: GenerateOptions["messages"] = [
  { role: "user", text: "Which is red?", imageCount: 2 },
  { role: "assistant", text: "The first.", imageCount: 0 },
  { role: "user", text: "And this one?", imageCount: 1 },
];

describe.each(["wasm", "webgpu"] as const)("on %s", (device) => {
  let model: LoadedModel;

  beforeAll(async () => {
    const load = { ...loadOptions, device };
    model = await loadModel(load, never, () => undefined);
  });

  afterAll(() => model.release());

  test("several pictures in several turns", async () => {
    const events: WorkerEvent[] = [];
    const messages = talk;
    const got = await ask(model, [1, 2, 3], { messages }, (event) =>
      events.push(event),
    );
    expect(got.imageTokens).toBe(48);
    expect(got.tokenIds).toHaveLength(2);
    const images = events.filter(({ type }) => type === "image");
    expect(images).toMatchObject([{ imageTokens: 48 }]);
    const { preprocess, encode, prefill, firstDecode } = got.timings;
    expect(preprocess + encode + prefill + firstDecode).toBeCloseTo(
      got.timings.firstToken,
      3,
    );
  });

  test("AnyRes has five times the tokens, the context permitting", async () => {
    const plain = await ask(model, [1], {});
    const five = await ask(model, [1], { anyres: true });
    expect(five.imageTokens).toBe(5 * plain.imageTokens);
    expect(five.promptTokens - plain.promptTokens).toBe(4 * 16);
    await expect(
      ask(model, [1, 2, 3, 4, 5, 6, 7], {
        anyres: true,
        messages: [{ role: "user", text: "?", imageCount: 7 }],
      }),
    ).rejects.toMatchObject({
      code: "prompt-too-long",
      message: expect.stringMatching(
        /7 pictures of 80 tokens .* 512/,
      ) as string,
    });
  });

  test("text alone is answered, too", async () => {
    const messages = [{ role: "user", text: "Hello?", imageCount: 0 }] as const;
    const got = await ask(model, [], { messages });
    expect(got).toMatchObject({ imageTokens: 0, finish: "length" });
  });

  test("pictures and messages that do not match are a bad option", async () => {
    for (const seeds of [[], [1, 2]]) {
      await expect(ask(model, seeds, {})).rejects.toMatchObject({
        code: "bad-option",
        message: `Pictures in the messages: 1; handed over: ${seeds.length}.`,
      });
    }
  });

  test("an abort between two squares encodes no more of them", async () => {
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

  test("a stage that was stopped ends the run as an abort, which is no failure", async () => {
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

  test("sides change from frame to frame and hold nothing back", async () => {
    // The tiny model reads 512 tokens, and the software adapter takes its time.
    const wide = [256, 384, 512, 640, 768, 1024];
    const sides = device === "wasm" ? wide : [256, 320];
    const round = async (): Promise<number> => {
      for (const size of sides) {
        const { imageTokens } = await ask(model, [1], { size, maxTokens: 1 });
        expect(imageTokens).toBe((size / 64) ** 2);
      }
      return model.gpu?.bytes.now ?? 0;
    };
    const first = await round();
    expect(await round()).toBe(first);
  });
});
