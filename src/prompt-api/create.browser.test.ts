import { describe, expect, test } from "vitest";
import {
  caption,
  languageModel,
  rejects,
  withImages,
} from "../testing/language-models";
import { imageFile } from "../testing/images";
import { QuotaExceededError } from "./errors";
import { LanguageModel } from "./language-model";
import type { LanguageModelCreateOptions } from "./types";

describe("create", () => {
  test("resolves with a session that has the members of the Prompt API", async () => {
    const { Model, create } = languageModel();
    const model = await create();
    expect(model).toBeInstanceOf(Model);
    expect(model).toBeInstanceOf(LanguageModel);
    expect(model).toBeInstanceOf(EventTarget);
    expect(model.contextUsage).toBe(0);
    expect(model.contextWindow).toBe(512);
    expect(model.oncontextoverflow).toBeNull();
  });

  test("reports the download to its monitor, from 0 to 1", async () => {
    const heard: ProgressEvent[] = [];
    let created = false;
    await languageModel().create({
      monitor: (m) =>
        m.addEventListener("downloadprogress", (event) => {
          expect(created).toBe(false);
          heard.push(event);
        }),
    });
    created = true;
    expect(heard.length).toBeGreaterThan(2);
    const parts = heard.map(({ loaded }) => loaded);
    expect(parts[0]).toBe(0);
    expect(parts.at(-1)).toBe(1);
    expect([...new Set(parts)].sort((a, b) => a - b)).toEqual(parts);
    for (const { total, lengthComputable, loaded } of heard) {
      expect([total, lengthComputable]).toEqual([1, true]);
      expect(loaded % (1 / 0x10000)).toBe(0);
    }
  });

  test.each([0, 1])("reports nothing after an abort at %i", async (at) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const heard: number[] = [];
    const creating = languageModel().create({
      signal: controller.signal,
      monitor: (m) =>
        m.addEventListener("downloadprogress", ({ loaded }) => {
          heard.push(loaded);
          if (loaded === at) controller.abort(reason);
        }),
    });
    await expect(creating).rejects.toBe(reason);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(heard.at(-1)).toBe(at);
  });

  test("rejects with the error that its monitor throws", async () => {
    const error = new Error("no monitor");
    const creating = languageModel().create({
      monitor: () => {
        throw error;
      },
    });
    await expect(creating).rejects.toBe(error);
  });

  test("puts the initial prompts first and counts them", async () => {
    const { create, asked } = languageModel();
    const initialPrompts = [
      { role: "system", content: "You are a robot." },
      { role: "user", content: "hello" },
      { role: "assistant", content: [{ type: "text", value: "hello" }] },
    ] as const;
    const model = await create({ initialPrompts });
    const usage = await model.measureContextUsage(initialPrompts);
    expect(usage).toBeGreaterThan(0);
    expect(model.contextUsage).toBe(usage);
    await model.prompt("and now?");
    expect(asked()?.messages.map(({ role, text }) => [role, text])).toEqual([
      ["system", "You are a robot."],
      ["user", "hello"],
      ["assistant", "hello"],
      ["user", "and now?"],
    ]);
    await rejects(
      model.prompt([{ role: "system", content: "late" }]),
      "TypeError",
    );
  });

  test("accepts empty initial prompts, and images in them", async () => {
    const { create, asked } = languageModel();
    expect((await create({ initialPrompts: [] })).contextUsage).toBe(0);
    const content = [
      { type: "image", value: await imageFile() },
      { type: "text", value: "Look." },
    ] as const;
    const model = await create({
      ...withImages,
      initialPrompts: [{ role: "user", content }],
    });
    await model.prompt("What?");
    expect(asked()?.messages.map(({ imageCount }) => imageCount)).toEqual([
      1, 0,
    ]);
  });

  test.each<[string, LanguageModelCreateOptions]>([
    ["NotSupportedError", { topK: 3 }],
    ["NotSupportedError", { temperature: 0.5 }],
    ["RangeError", { topK: 3, temperature: -0.5 }],
    ["RangeError", { topK: 0, temperature: 0.5 }],
    ["NotSupportedError", { expectedOutputs: [{ type: "image" }] }],
    ["NotSupportedError", { expectedInputs: [{ type: "audio" }] }],
    [
      "NotSupportedError",
      { expectedInputs: [{ type: "text", languages: ["unk"] }] },
    ],
    [
      "TypeError",
      {
        initialPrompts: [
          { role: "user", content: "a" },
          { role: "system", content: "b" },
        ],
      },
    ],
    [
      "NotSupportedError",
      {
        initialPrompts: [
          { role: "user", content: [{ type: "image", value: new Blob() }] },
        ],
      },
    ],
    ["TypeError", 5 as never],
    ["TypeError", { monitor: "x" as never }],
    ["TypeError", { initialPrompts: "hello" as never }],
    [
      "QuotaExceededError",
      { initialPrompts: [{ role: "user", content: "word ".repeat(600) }] },
    ],
  ])("rejects with %s for %j", async (name, options) => {
    await rejects(languageModel().create(options), name);
  });
});

test("treats null as empty options", async () => {
  const { Model, create } = languageModel();
  const none = null as never;
  expect(await Model.availability(none)).not.toBe("unavailable");
  const model = await create(none);
  expect(await model.prompt("hello", none)).toBe(caption);
  await model.append("hello", none);
  expect(await model.measureContextUsage("hello", none)).toBeGreaterThan(0);
  (await model.clone(none)).destroy();
});

test("rejects with the platform's QuotaExceededError where it exists", async () => {
  const model = await languageModel().create();
  const { QuotaExceededError: own = QuotaExceededError } = globalThis as {
    QuotaExceededError?: typeof QuotaExceededError;
  };
  const told = await model.append("word ".repeat(600)).catch((e: unknown) => e);
  expect(told).toBeInstanceOf(own);
  expect(told).toBeInstanceOf(QuotaExceededError);
  expect(told).toMatchObject({ name: "QuotaExceededError", quota: 512 });
});

test("rejects without a model and names LanguageModel.with", async () => {
  const advised = {
    name: "NotSupportedError",
    message: expect.stringMatching(/LanguageModel\.with/) as string,
  };
  await expect(LanguageModel.create()).rejects.toMatchObject(advised);
  await expect(LanguageModel.availability()).rejects.toMatchObject(advised);
});

describe("availability", () => {
  test("is available, or unavailable for unsupported options", async () => {
    const { Model } = languageModel();
    expect(["downloadable", "available"]).toContain(await Model.availability());
    expect(await Model.availability({ topK: 1.5, temperature: 1 })).not.toBe(
      "unavailable",
    );
    for (const options of [
      { expectedInputs: [{ type: "text", languages: ["unk"] }] },
      { expectedOutputs: [{ type: "audio" }] },
    ] as const) {
      expect(await Model.availability(options)).toBe("unavailable");
    }
    await rejects(
      Model.availability({ expectedInputs: [{ type: "soup" as "text" }] }),
      "TypeError",
    );
  });
});
