// @ts-check
import { expect, test } from "vitest";
import { readOptions } from "./describe-options.mjs";

test("uses the bundled model and greedy decoding by default", () => {
  expect(readOptions(["a.png"])).toMatchObject({
    files: [{ name: "a.png" }],
    prompt: "Describe the image.",
    model: undefined,
    turns: [],
    together: false,
    dtype: "auto",
    size: undefined,
    device: "auto",
    backend: "auto",
    background: "white",
    sampling: { temperature: 0, topK: 0, topP: 1, repetitionPenalty: 1 },
    json: false,
  });
});

test("accepts several images, and flags in any position", () => {
  const options = readOptions([
    ...["a.png", "--size", "320", "b.jpg", "--json"],
    ...["--prompt", "How many shapes are there?", "--max-tokens=5"],
  ]);
  expect(options).toMatchObject({
    files: [{ name: "a.png" }, { name: "b.jpg" }],
    prompt: "How many shapes are there?",
    size: 320,
    maxTokens: 5,
    json: true,
  });
});

test("accepts a conversation about several images", () => {
  const options = readOptions([
    ...["a.png", "b.png", "--together", "--turn", "Why?", "--turn=Where?"],
    ...["--fit", "crop", "--anyres", "--prompt-style", "demo"],
    ...["--background", "#8a2be2"],
    ...["--dtype", "vision_encoder=fp16, decoder_model_merged=q4"],
    ...["--backend", "ort"],
    ...["--model", "owner/name@v1", "--hub", "http://127.0.0.1:4180"],
  ]);
  expect(options).toMatchObject({
    turns: ["Why?", "Where?"],
    together: true,
    fit: "crop",
    background: "#8a2be2",
    anyres: true,
    promptStyle: "demo",
    dtype: "vision_encoder=fp16, decoder_model_merged=q4",
    backend: "ort",
    model: "owner/name@v1",
    hub: "http://127.0.0.1:4180",
    consent: false,
  });
});

test("lists and removes models without an image", () => {
  expect(readOptions(["--models"])).toMatchObject({ models: true, files: [] });
  expect(readOptions(["--remove", "x"])).toMatchObject({ remove: "x" });
});

test("--help needs no other argument", () => {
  expect(readOptions(["--help"])).toBeUndefined();
});

test.each([
  [[]],
  [["a.png", "--size", "100"]],
  [["a.png", "--size", "0"]],
  [["a.png", "--size", "many"]],
  [["a.png", "--size="]],
  [["a.png", "--max-tokens", "0"]],
  [["a.png", "--max-tokens", "1.5"]],
  [["a.png", "--device", "gpu"]],
  [["a.png", "--backend", "webgpu"]],
  [["a.png", "--dtype", "bnb4"]],
  [["a.png", "--dtype", "vision_encoder=bnb4"]],
  [["a.png", "--dtype", "q4,fp16"]],
  [["a.png", "--dtype", "vision_encoder=auto"]],
  [["a.png", "--dtype", ""]],
  [["a.png", "--fit", "pad"]],
  [["a.png", "--background", "blue"]],
  [["a.png", "--background", "#ffff"]],
  [["a.png", "--prompt-style", "mine"]],
  [["a.png", "--hub", "huggingface.co"]],
  [["a.png", "--turn"]],
  [["a.png", "--models"]],
  [["a.png", "--remove", "key"]],
  [["--remove"]],
  [["a.png", "--temperature", "-1"]],
  [["a.png", "--top-p", "2"]],
  [["a.png", "--colour"]],
  [["a.png", "--prompt"]],
])("%j is rejected with bad-option in one line", (args) => {
  expect(() => readOptions(args)).toThrow(/^[^\n]+$/);
  expect(() => readOptions(args)).toThrow(
    expect.objectContaining({ code: "bad-option" }),
  );
});
