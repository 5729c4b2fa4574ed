import { describe, expect, test } from "vitest";
import { VlmError } from "../shared/errors";
import {
  caption,
  languageModel,
  question,
  rejects,
} from "../testing/language-models";

describe("prompt", () => {
  test("answers and counts both messages", async () => {
    const model = await languageModel().create();
    const usage = await model.measureContextUsage(question);
    expect(usage).toBeGreaterThan(0);
    const answer = await model.prompt(question);
    expect(answer).toBe(caption);
    const more = await model.measureContextUsage(answer);
    expect(model.contextUsage).toBe(usage + more);
  });

  test.each([null, undefined, {}, "", []])("accepts %j", async (input) => {
    const model = await languageModel().create();
    expect(await model.prompt(input as never)).toBe(caption);
  });

  test("answers concurrent prompts in order", async () => {
    const { create, asked } = languageModel();
    const model = await create();
    await Promise.all([model.prompt("one"), model.prompt("two")]);
    expect(asked()?.messages.map(({ text }) => text)).toEqual([
      "one",
      caption,
      "two",
    ]);
  });

  test("a failed prompt adds no message", async () => {
    const model = await languageModel().create();
    const { signal } = Object.assign(new AbortController(), {});
    const stopped = model.prompt("one", { signal: AbortSignal.timeout(0) });
    await rejects(stopped, "TimeoutError");
    await model.prompt("two", { signal });
    const usage = await model.measureContextUsage("two");
    const answer = await model.measureContextUsage(caption);
    expect(model.contextUsage).toBe(usage + answer);
  });

  test("accepts a system message only as the first", async () => {
    const model = await languageModel().create();
    const system = { role: "system", content: "foo" } as const;
    const user = { role: "user", content: "bar" } as const;
    await rejects(model.prompt([user, system]), "TypeError");
    await rejects(model.prompt([system, system]), "TypeError");
    const first = model.prompt([system, user]);
    await rejects(model.prompt([system]), "TypeError");
    await first;
  });

  test("continues a prefix, which is part of the message", async () => {
    const { create, asked } = languageModel();
    const model = await create();
    const answer = await model.prompt([
      { role: "user", content: "hello" },
      { role: "assistant", content: "Say: ", prefix: true },
    ]);
    expect(answer).toBe(caption);
    expect(asked()?.prefix).toBe("Say: ");
    await model.prompt("and?");
    expect(asked()?.messages[1]?.text).toBe(`Say: ${caption}`);
  });

  test("rejects with the DOMException of the Prompt API and the VlmError as cause", async () => {
    const cause = new VlmError("device-lost", "Gone.", "Ask again.");
    const { create } = languageModel({ runErrors: { 1: cause } });
    const model = await create();
    const told: unknown = await model.prompt("a").catch((e: unknown) => e);
    expect(told).toBeInstanceOf(DOMException);
    expect(told).toMatchObject({
      name: "UnknownError",
      message: "Gone. Ask again.",
      cause: { code: "device-lost" },
    });
    expect(await model.prompt("b")).toBe(caption);
  });

  test("passes temperature, topK and a new seed for each prompt", async () => {
    const { create, asked } = languageModel();
    const model = await create({ temperature: 0.6, topK: 3 });
    await model.prompt("a");
    const first = asked()?.sampling;
    expect(first).toMatchObject({ temperature: 0.6, topK: 3 });
    await model.prompt("b");
    expect(asked()?.sampling.seed).not.toBe(first?.seed);
  });
});

describe("responseConstraint", () => {
  const schema = { type: "object", required: ["Rating"] };

  test("is passed to the worker and described in the prompt", async () => {
    const { create, asked } = languageModel();
    const model = await create();
    await model.prompt("hello", { responseConstraint: schema });
    expect(asked()?.constraint).toEqual({ type: "json", schema });
    expect(asked()?.messages.at(-1)?.text).toContain(JSON.stringify(schema));
  });

  test("is not described with omitResponseConstraintInput", async () => {
    const { create, asked } = languageModel();
    const model = await create();
    await model.prompt("hello", {
      responseConstraint: /^a|b$/i,
      omitResponseConstraintInput: true,
    });
    expect(asked()?.constraint).toEqual({
      ...{ type: "regex", source: "^a|b$", flags: "i" },
    });
    expect(asked()?.messages.at(-1)?.text).toBe("hello");
  });

  test("is counted when it is described", async () => {
    const model = await languageModel().create();
    const options = { responseConstraint: schema };
    const bare = await model.measureContextUsage("hello");
    const told = await model.measureContextUsage("hello", options);
    expect(told).toBeGreaterThan(bare);
    const omit = { ...options, omitResponseConstraintInput: true };
    expect(await model.measureContextUsage("hello", omit)).toBe(bare);
    await rejects(
      model.measureContextUsage("a", { omitResponseConstraintInput: true }),
      "TypeError",
    );
  });

  test("rejects an invalid constraint with NotSupportedError", async () => {
    const model = await languageModel().create();
    const cyclic: Record<string, unknown> = {};
    cyclic["self"] = cyclic;
    const ask = (responseConstraint: unknown) =>
      model.prompt("a", { responseConstraint: responseConstraint as object });
    await rejects(ask(cyclic), "NotSupportedError");
    await rejects(ask([]), "NotSupportedError");
    await rejects(ask("object"), "TypeError");
    await rejects(ask(null), "TypeError");
    expect(model.contextUsage).toBe(0);
  });
});
