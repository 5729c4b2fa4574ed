import { expect, test } from "@playwright/test";
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, folder, prepare } from "./support/describe.ts";
import { model } from "./support/paths.ts";
import { scenes } from "./support/scenes.ts";

test.beforeAll(prepare);

test("--json prints one object per line", async () => {
  const { code, out, err } = await describe("0.png", "photo.jpg", "--json");
  expect(err).toEqual([]);
  expect(code).toBe(0);
  expect(out).toHaveLength(2);
  const [first, second] = out.map(
    (line) => JSON.parse(line) as Record<string, unknown>,
  );
  expect(second).toMatchObject({ file: "photo.jpg" });
  expect(first).toEqual({
    file: "0.png",
    model: "nano",
    prompt: "Describe the image.",
    text: expect.any(String),
    tokenIds: expect.any(Array),
    finish: "stop",
    device: expect.stringMatching(/^(webgpu|wasm)$/),
    ...(first?.["device"] === "wasm" && { deviceReason: expect.any(String) }),
    adapter: expect.stringMatching(/./),
    backend: expect.stringMatching(/^(webgpu|wasm|ort)$/),
    ...(first?.["backend"] === "ort" && { backendReason: expect.any(String) }),
    imageTokens: 16,
    timings: {
      preprocess: expect.any(Number),
      encode: expect.any(Number),
      prefill: expect.any(Number),
      firstToken: expect.any(Number),
      total: expect.any(Number),
      tokensPerSecond: expect.any(Number),
    },
  });
});

test("several images are prefixed with their names", async () => {
  const files = scenes.map((_, index) => `${index}.png`);
  const { code, out } = await describe(...files);
  expect(code).toBe(0);
  expect(out).toEqual(
    scenes.map(({ caption }, index) => `${index}.png: ${caption}`),
  );
});

test("a single answer has no prefix", async () => {
  const { code, out } = await describe(
    ...["3.png", "--prompt", "How many shapes are there?"],
    ...["--device", "wasm", "--dtype", "q4"],
  );
  expect(code).toBe(0);
  expect(out).toEqual(["Two."]);
});

test("applies --size and --max-tokens", async () => {
  const { out } = await describe(
    ...["0.png", "--size", "320", "--max-tokens", "3", "--json"],
  );
  const answer = JSON.parse(out[0] ?? "") as {
    imageTokens: number;
    tokenIds: number[];
    finish: string;
  };
  expect(answer.finish).toBe("length");
  expect(answer.imageTokens).toBe(25);
  expect(answer.tokenIds.length).toBeLessThanOrEqual(3);
});

test("a bad image is one error line, and the others are answered", async () => {
  const { code, out, err } = await describe(
    ...["notes.png", "0.png", "cut.jpg", "missing.png"],
  );
  expect(code).toBe(1);
  expect(out).toHaveLength(1);
  expect(out[0]).toMatch(/^0\.png: /);
  expect(err).toHaveLength(3);
  for (const name of ["notes.png", "cut.jpg", "missing.png"]) {
    const line = err.find((text) => text.includes(name));
    expect(line).toMatch(/^describe: bad-image: /);
  }
});

test("a local folder is a model, and a broken one is an error", async () => {
  cpSync(model, join(folder, "mine"), { recursive: true });
  const good = await describe("0.png", "--model", "mine", "--max-tokens", "2");
  expect(good.err).toEqual([]);
  expect(good.code).toBe(0);
  rmSync(join(folder, "mine/onnx/vision_encoder.onnx"));
  // An explicit dtype, since `auto` would use another one.
  const bad = await describe("0.png", "--model", "mine", "--dtype", "fp32");
  expect(bad.code).toBe(1);
  expect(bad.err).toHaveLength(1);
  expect(bad.err[0]).toMatch(/^describe: model-file-missing: /);
});

test("accepts a folder of links, like a hub cache", async () => {
  const links = join(folder, "links");
  cpSync(model, join(folder, "blobs"), { recursive: true });
  mkdirSync(links);
  for (const name of readdirSync(model)) {
    symlinkSync(join(folder, "blobs", name), join(links, name));
  }
  const { code, out } = await describe("0.png", "--model", "links");
  expect(code).toBe(0);
  expect(out).toEqual([scenes[0]?.caption]);
});

test("--turn continues the conversation, with one line per answer", async () => {
  const questions = ["How many shapes are there?", "Is there a red circle?"];
  const { code, out } = await describe(
    ...["0.png", "--json", "--fit", "crop", "--prompt-style", "demo"],
    ...questions.flatMap((text) => ["--turn", text]),
  );
  expect(code).toBe(0);
  const answers = out.map(
    (line) => JSON.parse(line) as { prompt: string; imageTokens: number },
  );
  expect(answers.map(({ prompt }) => prompt)).toEqual([
    ...["Describe the image.", ...questions],
  ]);
  for (const { imageTokens } of answers) expect(imageTokens).toBe(16);
});

test("--together asks one question about all images", async () => {
  const { code, out } = await describe(
    "0.png",
    "1.png",
    "--together",
    "--json",
  );
  expect(code).toBe(0);
  expect(out).toHaveLength(1);
  expect(JSON.parse(out[0] ?? "")).toMatchObject({
    files: ["0.png", "1.png"],
    imageTokens: 32,
  });
});

test("--anyres encodes five views of an image", async () => {
  const { out } = await describe("0.png", "--anyres", "--json");
  expect(JSON.parse(out[0] ?? "")).toMatchObject({ imageTokens: 80 });
});

for (const [args, code] of [
  [["missing.png"], "bad-image"],
  [["0.png", "--colour"], "bad-option"],
  [["0.png", "--size", "100"], "bad-option"],
  [["0.png", "--model", "none"], "model-file-missing"],
  [[], "bad-option"],
] as const) {
  test(`describe ${args.join(" ")} fails with ${code}`, async () => {
    const ended = await describe(...args);
    expect(ended.code).toBe(1);
    expect(ended.out).toEqual([]);
    expect(ended.err).toHaveLength(1);
    expect(ended.err[0]).toMatch(new RegExp(`^describe: ${code}: `));
  });
}

test("--help prints the usage", async () => {
  const { code, out } = await describe("--help");
  expect(code).toBe(0);
  expect(out[0]).toContain("npm run describe");
});
