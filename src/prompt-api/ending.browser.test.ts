import { describe, expect, test } from "vitest";
import { languageModel, question, rejects } from "../testing/language-models";
import type { LanguageModel } from "./language-model";

describe("destroy", () => {
  test("rejects pending and later calls", async () => {
    const model = await languageModel({ pace: 20 }).create();
    const running = model.prompt(question);
    model.destroy();
    await rejects(running, "InvalidStateError");
    await rejects(model.prompt(question), "InvalidStateError");
    await rejects(model.append(question), "InvalidStateError");
    await rejects(model.clone(), "InvalidStateError");
    await rejects(model.measureContextUsage(question), "InvalidStateError");
    expect(() => model.promptStreaming(question)).toThrow(
      expect.objectContaining({ name: "InvalidStateError" }),
    );
    expect(model.contextUsage).toBe(0);
    expect(model.contextWindow).toBe(512);
    model.destroy();
  });
});

describe("an answer that does not fit in the context window", () => {
  const words = (count: number): string => Array(count).fill("word").join(" ");
  const captions = [Array<string>(30).fill("so ")];

  test("rejects and is not added", async () => {
    const model = await languageModel({ captions }).create();
    const asked = model.prompt(words(490));
    await rejects(asked, "QuotaExceededError");
    expect(model.contextUsage).toBe(0);
    expect(await model.prompt("a")).toBe("so ".repeat(30));
  });

  test("errors the stream after the text that fits", async () => {
    const model = await languageModel({ captions }).create();
    const reader = model.promptStreaming(words(490)).getReader();
    let text = "";
    const reading = (async () => {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        text += value;
      }
    })();
    await rejects(reading, "QuotaExceededError");
    expect(text).toBe("so ".repeat(18));
  });
});

describe("a signal", () => {
  type Method = (signal: AbortSignal) => Promise<unknown>;

  const methods: [string, () => Promise<Method>][] = [
    [
      "create",
      () => {
        const { create } = languageModel();
        return Promise.resolve((signal) => create({ signal }));
      },
    ],
    ...(
      [
        ["prompt", (model, signal) => model.prompt(question, { signal })],
        ["append", (model, signal) => model.append(question, { signal })],
        ["clone", (model, signal) => model.clone({ signal })],
        [
          "measureContextUsage",
          (model, signal) => model.measureContextUsage("a", { signal }),
        ],
      ] as [
        string,
        (model: LanguageModel, signal: AbortSignal) => Promise<unknown>,
      ][]
    ).map(([name, call]): [string, () => Promise<Method>] => [
      name,
      async () => {
        const model = await languageModel().create();
        return (signal) => call(model, signal);
      },
    ]),
  ];

  test.each(methods)("rejects %s with its reason", async (_, make) => {
    const method = await make();
    for (const reason of [undefined, new Error("mine")]) {
      const controller = new AbortController();
      const running = method(controller.signal);
      controller.abort(reason);
      const told: unknown = controller.signal.reason;
      await expect(running).rejects.toBe(told);
      await expect(method(controller.signal)).rejects.toBe(told);
    }
  });

  test("errors a stream and prevents new ones", async () => {
    const model = await languageModel().create();
    for (const reason of [undefined, new DOMException("x", "VersionError")]) {
      const controller = new AbortController();
      const { signal } = controller;
      const stream = model.promptStreaming(question, { signal });
      controller.abort(reason);
      const told: unknown = signal.reason;
      await expect(stream.pipeTo(new WritableStream())).rejects.toBe(told);
      expect(() => model.promptStreaming(question, { signal })).toThrow(
        signal.reason as Error,
      );
    }
  });
});
