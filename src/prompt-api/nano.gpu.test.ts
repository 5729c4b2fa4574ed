import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { LanguageModel } from "./language-model";
import type { LanguageModelCreateOptions } from "./types";

/** The bundled model in its real worker. */
const Nano = LanguageModel.with({
  model: "nano",
  device: "wasm",
  backend: "ort",
  size: 64,
});

/** Keeps the worker loaded between tests. */
let shared: LanguageModel;

beforeAll(async () => {
  shared = await Nano.create();
});

afterAll(() => {
  shared.destroy();
});

async function create(options?: LanguageModelCreateOptions) {
  const model = await Nano.create(options);
  onTestFinished(() => model.destroy());
  return model;
}

const rating = {
  type: "object",
  required: ["Rating"],
  additionalProperties: false,
  properties: { Rating: { type: "number", minimum: 0, maximum: 5 } },
};

function expectRating(text: string): void {
  const said = JSON.parse(text) as { Rating: number };
  expect(Object.keys(said)).toEqual(["Rating"]);
  expect(said.Rating).toBeGreaterThanOrEqual(0);
  expect(said.Rating).toBeLessThanOrEqual(5);
}

test("contextUsage equals the measured tokens", async () => {
  const model = await create();
  const usage = await model.measureContextUsage("What color is it?");
  const answer = await model.prompt("What color is it?");
  const more = await model.measureContextUsage(answer);
  expect(model.contextUsage).toBe(usage + more);
  expect(model.contextWindow).toBeGreaterThan(900);
});

test.each([
  ["greedily", {}],
  ["at a temperature", { temperature: 1.5, topK: 40 }],
])("answers in JSON %s", async (_, options) => {
  const model = await create(options);
  for (const omitResponseConstraintInput of [false, true]) {
    const asked = { responseConstraint: rating, omitResponseConstraintInput };
    expectRating(await model.prompt("hello", asked));
  }
});

test("answers in JSON that continues a prefix", async () => {
  const model = await create();
  const prefix = '{ "Rating": ';
  const rest = await model.prompt(
    [
      { role: "user", content: "hello" },
      { role: "assistant", content: prefix, prefix: true },
    ],
    { responseConstraint: rating },
  );
  expectRating(prefix + rest);
});

test("answers match a regular expression, with and without a matching prefix", async () => {
  const model = await create();
  const ask = (content: string) =>
    model.prompt(
      [
        { role: "user", content: "hello" },
        { role: "assistant", content, prefix: true },
      ],
      { responseConstraint: /^Greetings and salutations.{0,9}$/ },
    );
  expect(await ask("Greetings")).toMatch(/^ and salutations/);
  await expect(ask("invalid")).rejects.toMatchObject({
    name: "NotSupportedError",
  });
  expect(await model.prompt("a", { responseConstraint: /hello/ })).toBe(
    "hello",
  );
});

test.each([
  { type: "soup" },
  { type: "string", pattern: "(a)\\1" },
  { allOf: [{ type: "string" }, { type: "number" }] },
])("%j is not supported", async (responseConstraint) => {
  const model = await create();
  await expect(model.prompt("a", { responseConstraint })).rejects.toMatchObject(
    { name: "NotSupportedError" },
  );
});

test("answers about an image in the middle of a conversation", async () => {
  const canvas = new OffscreenCanvas(64, 64);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("no canvas");
  context.fillStyle = "white";
  context.fillRect(0, 0, 64, 64);
  context.fillStyle = "red";
  context.fillRect(16, 16, 32, 32);
  const model = await create({ expectedInputs: [{ type: "image" }] });
  const content = [
    { type: "text", value: "Describe the image." },
    { type: "image", value: canvas },
  ] as const;
  const usage = await model.measureContextUsage([{ role: "user", content }]);
  const text = await model.prompt([{ role: "user", content }]);
  expect(text).toMatch(/\w/);
  const color = { enum: ["red", "green", "blue"] };
  const more = await model.prompt("What color is the shape?", {
    responseConstraint: color,
    omitResponseConstraintInput: true,
  });
  expect(color.enum).toContain(JSON.parse(more));
  expect(model.contextUsage).toBeGreaterThan(usage);
});
