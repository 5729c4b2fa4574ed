import type { Page } from "@playwright/test";
import { ask, openQuiet, valueOf } from "./support/element.ts";
import { encodePng } from "./support/png.ts";
import { draw, scenes } from "./support/scenes.ts";
import { expect, test } from "./support/test.ts";

const [scene] = scenes;
if (!scene) throw new Error("no scene");
const image = { name: "circle.png", bytes: encodePng(draw(scene, 256, 256)) };

const texts = (page: Page): Promise<unknown> =>
  page.evaluate(() => {
    const vlm = document.querySelector("fast-vlm");
    return [vlm?.text, vlm?.value, vlm?.conversation.length];
  });

// Without the browser's back/forward cache: back-forward-cache.spec.ts tests it.
test("going back restores no caption and no question", async ({ page }) => {
  await openQuiet(page);
  const { text } = valueOf(await ask(page, image));
  expect(await texts(page)).toEqual([text, text, 1]);
  await page.goto("/bench.html");
  await page.goBack();
  await page.evaluate(() => customElements.whenDefined("fast-vlm"));
  expect(await texts(page)).toEqual(["", null, 0]);
});
