// @ts-check
/**
 * `npm run screenshot`: takes the screenshots in README.md, in which nano describes a
 * sample and answers a question about it.
 */
import { join, relative } from "node:path";
import { command } from "./command.mjs";
import { dist, ensureBuilt, ensureInstalled, root } from "./prepare.mjs";

const viewport = { width: 1280, height: 840 };

/** @param {import("playwright").Page} page */
function untilCaption(page) {
  return page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const vlm = document.querySelector("fast-vlm");
        vlm?.addEventListener("caption", ({ detail }) => resolve(detail.text));
        vlm?.addEventListener("error", ({ detail }) =>
          reject(new Error(detail.message)),
        );
      }),
  );
}

/** @param {import("playwright").Page} page @param {string} url */
async function answer(page, url) {
  await page.goto(`${url}?lang=en`);
  // The first caption would include the time of the load.
  await page.waitForFunction(() => document.querySelector("fast-vlm")?.info);
  const caption = untilCaption(page);
  await page.locator("button[data-sample=shapes]").click();
  console.log(`  ${await caption}`);
  const answer = untilCaption(page);
  await page.locator("#question").fill("What color is the star?");
  await page.locator("#ask").click();
  console.log(`  ${await answer}`);
  // Results are painted a frame after they arrive.
  await page.waitForTimeout(500);
}

await command("screenshot", async () => {
  ensureInstalled();
  ensureBuilt();
  const { chromium } = await import("playwright");
  const { requireBrowser, useFlags } = await import("./browser.mjs");
  const { serve } = await import("./server.mjs");
  const server = await serve(dist);
  const browser = await chromium.launch({
    executablePath: await requireBrowser(),
    args: useFlags,
  });
  try {
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      const page = await browser.newPage({ viewport, colorScheme });
      page.setDefaultTimeout(300_000);
      await answer(page, server.url);
      const path = join(root, `docs/images/page-${colorScheme}.png`);
      await page.screenshot({ path });
      await page.close();
      console.log(relative(root, path));
    }
  } finally {
    await browser.close();
    await server.close();
  }
});
