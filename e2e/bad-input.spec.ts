import { cpSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { folderHandler } from "../tools/cli/server.mjs";
import { ask, errorOf, load, openQuiet, valueOf } from "./support/element.ts";
import { fixtures, model, scratch } from "./support/paths.ts";
import { encodePng } from "./support/png.ts";
import { draw, scenes } from "./support/scenes.ts";
import { expect, test } from "./support/test.ts";

const [scene] = scenes;
if (!scene) throw new Error("no scene");
const good = { name: "circle.png", bytes: encodePng(draw(scene, 256, 256)) };
const jpeg = readFileSync(join(fixtures, "photo.jpg"));

test("bad images and prompts are typed errors, and the next request works", async ({
  page,
  watch,
}) => {
  await openQuiet(page);
  valueOf(await load(page));
  const first = valueOf(await ask(page, good));
  expect(first.tokenIds.length).toBeGreaterThan(0);

  const bad = [
    { name: "notes.png", bytes: Buffer.from("Milk, eggs, bread.\n") },
    { name: "empty.png", bytes: Buffer.alloc(0) },
    { name: "cut.jpg", bytes: jpeg.subarray(0, jpeg.length / 2) },
    { name: "head.jpg", bytes: jpeg.subarray(0, 24) },
    { name: "cut.png", bytes: good.bytes.subarray(0, -40) },
  ];
  for (const image of bad) {
    const error = errorOf(await ask(page, image));
    expect(error.code).toBe("bad-image");
    expect(error.message).toContain(image.name);
    expect(error.advice).not.toBe("");
    const next = valueOf(await ask(page, good));
    expect(next.tokenIds).toEqual(first.tokenIds);
  }

  const prompt = "word ".repeat(4000);
  const long = errorOf(await ask(page, good, { prompt }));
  expect(long.code).toBe("prompt-too-long");
  for (const options of [{ size: 100 }, { maxTokens: 0 }]) {
    const error = errorOf(await ask(page, good, options));
    expect(error.code).toBe("bad-option");
  }
  const last = valueOf(await ask(page, good));
  expect(last.tokenIds).toEqual(first.tokenIds);
  expect(watch.errors).toEqual([]);
});

test("a frame without pixels is a typed error", async ({ page }) => {
  await openQuiet(page);
  valueOf(await load(page));
  const code = await page.evaluate(async () => {
    const bitmap = await createImageBitmap(new ImageData(8, 8));
    bitmap.close(); // Its size is now 0 × 0.
    const element = document.querySelector("fast-vlm");
    return element?.ask(undefined, { source: bitmap }).then(
      () => "answered",
      (thrown: unknown) => (thrown as { code: string }).code,
    );
  });
  expect(code).toBe("bad-image");
  valueOf(await ask(page, good));
});

/** Each damages a copy of the model folder. */
const damaged: Record<string, { code: RegExp; damage: (dir: string) => void }> =
  {
    "without config.json": {
      code: /^model-file-missing$/,
      damage: (dir) => rmSync(join(dir, "config.json")),
    },
    "without the tokenizer": {
      code: /^model-file-missing$/,
      damage: (dir) => rmSync(join(dir, "tokenizer.json")),
    },
    "without the decoder": {
      code: /^model-file-missing$/,
      damage: (dir) => rmSync(join(dir, "onnx/decoder_model_merged.onnx")),
    },
    "with a cut config.json": {
      code: /^model-corrupt$/,
      damage: (dir) => halve(join(dir, "config.json")),
    },
    "with a cut encoder": {
      code: /^model-corrupt$/,
      damage: (dir) => halve(join(dir, "onnx/vision_encoder.onnx")),
    },
    "with an empty decoder": {
      code: /^model-corrupt$/,
      damage: (dir) =>
        truncateSync(join(dir, "onnx/decoder_model_merged.onnx")),
    },
  };

function halve(path: string): void {
  truncateSync(path, Math.floor(statSync(path).size / 2));
}

// Each in a context of its own: the store would repair the next folder.
for (const [name, { code, damage }] of Object.entries(damaged)) {
  test(`a model ${name} is a typed error`, async ({ page, server }) => {
    const folder = join(scratch, "damaged", name);
    rmSync(folder, { recursive: true, force: true });
    cpSync(model, folder, { recursive: true });
    damage(folder);
    server.mount("/damaged/", folderHandler(folder));

    await openQuiet(page, { model: "/damaged/" });
    const error = errorOf(await load(page));
    expect(error.code).toMatch(code);
    expect(error.advice).not.toBe("");

    // The same page loads the repaired model. Another folder is mounted, since the
    // server may still be opening damaged files for requests that were aborted.
    server.mount("/damaged/", folderHandler(model));
    valueOf(await load(page));
    valueOf(await ask(page, good));
    server.unmount("/damaged/");
  });
}

test("an unknown model folder is a typed error", async ({ page }) => {
  await openQuiet(page, { model: "/models/none/" });
  expect(errorOf(await load(page)).code).toBe("model-file-missing");
});
