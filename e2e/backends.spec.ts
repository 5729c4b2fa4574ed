import type { Page } from "@playwright/test";
import type { Answer } from "../src/index.ts";
import { load, openQuiet, valueOf } from "./support/element.ts";
import { encodePng } from "./support/png.ts";
import { draw, scenes, type Scene } from "./support/scenes.ts";
import { expect, test } from "./support/test.ts";

/** Scenes that no other test uses. */
const ownScenes: readonly Scene[] = [
  {
    ground: [240, 220, 40],
    shapes: [
      { kind: "triangle", color: [40, 80, 220], x: 0.4, y: 0.55, radius: 0.3 },
    ],
    caption: "",
  },
  {
    ground: [255, 255, 255],
    shapes: [
      { kind: "square", color: [40, 160, 60], x: 0.7, y: 0.4, radius: 0.2 },
      { kind: "circle", color: [20, 20, 20], x: 0.25, y: 0.6, radius: 0.18 },
    ],
    caption: "",
  },
];

const questions = ["Describe the image.", "How many shapes are there?"];

/** Asks every question about every image; the questions about an image share a File. */
async function askAll(page: Page): Promise<Answer[]> {
  const images = ownScenes.map((scene) =>
    encodePng(draw(scene, 300, 220)).toString("base64"),
  );
  return page.evaluate(
    async ({ images, questions }) => {
      const element = document.querySelector("fast-vlm");
      if (!element) throw new Error("no <fast-vlm>");
      const answers: Answer[] = [];
      for (const image of images) {
        const bytes = Uint8Array.from(atob(image), (c) => c.charCodeAt(0));
        const file = new File([bytes], "scene.png");
        for (const prompt of questions) {
          const options = { source: file, maxTokens: 32, draft: true };
          answers.push(await element.ask(prompt, options));
        }
      }
      return answers;
    },
    { images, questions },
  );
}

/** Live captions with drafts and a change threshold on the loaded page. */
async function expectLiveCaptions(page: Page): Promise<void> {
  await page.locator("#gate").fill("0.02");
  await page.locator("#gate").blur();
  await page.evaluate(() => {
    const seen: { text: string; unchanged: number }[] = [];
    Object.assign(window, { seen });
    addEventListener("caption", (event) => {
      const { text, unchanged } = (event as CustomEvent<Answer>).detail;
      seen.push({ text, unchanged });
    });
  });
  await page.getByRole("button", { name: "Use my camera" }).click();
  const seen = (): Promise<{ text: string; unchanged: number }[]> =>
    page.evaluate(() => Reflect.get(window, "seen") as never);
  await expect
    .poll(async () => {
      const all = await seen();
      const texts = new Set(all.map(({ text }) => text)).size;
      const spared = all.filter(({ unchanged }) => unchanged > 0).length;
      return texts > 1 && spared > 1;
    })
    .toBe(true);
  const captions = scenes.map(({ caption }) => caption);
  for (const { text } of await seen()) expect(captions).toContain(text);
  await expect(page.locator("#gate-note")).toHaveText(
    /^[1-9]\d* of \d+ frames were not encoded/,
  );
}

test("our backends give the reference's tokens, and encodes an image once", async ({
  page,
}) => {
  await openQuiet(page, { device: "wasm", backend: "ort" });
  expect(valueOf(await load(page))).toMatchObject({ backend: "ort" });
  const reference = await askAll(page);

  await openQuiet(page, { device: "wasm" });
  const onCpu = valueOf(await load(page));
  expect(onCpu).toMatchObject({ backend: "wasm", device: "wasm" });
  expect(onCpu).not.toHaveProperty("backendReason");
  const cpu = await askAll(page);

  await openQuiet(page, { device: "webgpu" });
  const info = valueOf(await load(page));
  expect(info).toMatchObject({ backend: "webgpu", device: "webgpu" });
  expect(info).not.toHaveProperty("backendReason");
  await page.getByText("Performance").click();
  await expect(page.locator("#about-backend")).toHaveText("WebGPU");
  const ours = await askAll(page);

  const outputOf = ({ text, tokenIds, finish }: Answer) => ({
    ...{ text, tokenIds, finish },
  });
  for (const answers of [cpu, ours]) {
    expect(answers.map(outputOf)).toEqual(reference.map(outputOf));
  }
  for (const answers of [reference, cpu, ours]) {
    expect(answers.map(({ reused }) => reused)).toEqual([0, 1, 0, 1]);
    for (const { reused, timings } of answers) {
      const { preprocess, encode, prefill, firstDecode } = timings;
      const sum = preprocess + encode + prefill + firstDecode;
      expect(sum).toBeCloseTo(timings.firstToken, 3);
      expect(encode > 0).toBe(reused === 0);
    }
  }

  await expectLiveCaptions(page);
});
