import { describe, expect, onTestFinished, test, vi } from "vitest";
import {
  caption,
  languageModel,
  question,
  rejects,
} from "../testing/language-models";

describe("promptStreaming", () => {
  test("streams the parts of the answer", async () => {
    const model = await languageModel().create();
    const stream = model.promptStreaming(question);
    expect(Object.prototype.toString.call(stream)).toBe(
      "[object ReadableStream]",
    );
    const pieces: string[] = [];
    for await (const piece of stream) pieces.push(piece);
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join("")).toBe(caption);
    expect(model.contextUsage).toBeGreaterThan(0);
  });

  test("errors the stream when the prompt fails", async () => {
    const model = await languageModel().create();
    const stream = model.promptStreaming([
      { role: "user", content: "a" },
      { role: "system", content: "b" },
    ]);
    await rejects(stream.getReader().read(), "TypeError");
  });

  test("cancelling aborts the prompt; the next one is answered", async () => {
    const { create, workers } = languageModel({ pace: 20 });
    const model = await create();
    for await (const piece of model.promptStreaming(question)) {
      expect(piece).not.toBe("");
      break;
    }
    await vi.waitFor(() => {
      expect(workers.fakes.at(-1)?.calls).toContain("abort");
    });
    expect(model.contextUsage).toBe(0);
    expect(await model.prompt(question)).toBe(caption);
  });
});

describe("append", () => {
  test("adds messages, which the next prompt answers", async () => {
    const { create, asked } = languageModel();
    const model = await create();
    const usage = await model.measureContextUsage("first");
    expect(await model.append("first")).toBeUndefined();
    expect(model.contextUsage).toBe(usage);
    await model.prompt("second");
    expect(asked()?.messages.map(({ text }) => text)).toEqual([
      "first",
      "second",
    ]);
  });

  test.each([null, undefined, {}, "", [], [{ role: "user", content: [] }]])(
    "takes %j",
    async (input) => {
      const model = await languageModel().create();
      await model.append(input as never);
      expect(model.contextUsage).toBeGreaterThan(0);
    },
  );

  test("rejects too many tokens and late system messages", async () => {
    const model = await languageModel().create();
    const long = "word ".repeat(600);
    const requested = await model.measureContextUsage(long);
    await expect(model.append(long)).rejects.toMatchObject({
      ...{ name: "QuotaExceededError", requested, quota: 512 },
    });
    await rejects(
      model.append([
        { role: "user", content: "foo" },
        { role: "system", content: "bar" },
      ]),
      "TypeError",
    );
  });
});

describe("the context window", () => {
  test("evicts the oldest messages and dispatches contextoverflow", async () => {
    const { create, asked } = languageModel();
    const model = await create({
      initialPrompts: [{ role: "system", content: "Stay." }],
    });
    const heard = vi.fn();
    const handler = vi.fn();
    model.addEventListener("contextoverflow", heard);
    model.oncontextoverflow = handler;
    await model.prompt("word ".repeat(200));
    expect(heard).not.toHaveBeenCalled();
    await model.prompt("other ".repeat(300));
    expect(heard).toHaveBeenCalledOnce();
    expect(handler).toHaveBeenCalledOnce();
    const roles = asked()?.messages.map(({ role }) => role);
    expect(roles).toEqual(["system", "user"]);
    expect(model.contextUsage).toBeLessThanOrEqual(model.contextWindow);
    model.oncontextoverflow = null;
    await model.prompt("word ".repeat(300));
    expect(handler).toHaveBeenCalledOnce();
  });

  test("rejects a prompt that never fits", async () => {
    const model = await languageModel().create();
    const long = "word ".repeat(600);
    const requested = await model.measureContextUsage(long);
    const error: unknown = await model.prompt(long).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(DOMException);
    expect(error).toMatchObject({
      ...{ name: "QuotaExceededError", requested, quota: 512 },
    });
  });
});

describe("clone", () => {
  test("has the same messages and is independent", async () => {
    const { Model, create, asked } = languageModel();
    const model = await create();
    await model.prompt(question);
    const copy = await model.clone();
    onTestFinished(() => copy.destroy());
    expect(copy).toBeInstanceOf(Model);
    expect(copy.contextUsage).toBe(model.contextUsage);
    expect(copy.contextWindow).toBe(model.contextWindow);
    await copy.prompt("more");
    expect(asked()?.messages).toHaveLength(3);
    expect(copy.contextUsage).toBeGreaterThan(model.contextUsage);
  });

  test("works after its original is destroyed", async () => {
    const { create, workers } = languageModel();
    const model = await create();
    const copy = await model.clone();
    model.destroy();
    expect(await copy.prompt(question)).toBe(caption);
    expect(workers.ended).toBe(0);
    copy.destroy();
    await vi.waitFor(() => expect(workers.ended).toBe(1));
  });
});
