// @ts-check
/**
 * `npm run screenshot`: takes the screenshots in README.md, in which nano describes a
 * generated scene.
 */
import { join, relative } from "node:path";
import { command } from "./command.mjs";
import { dist, ensureBuilt, ensureInstalled, root } from "./prepare.mjs";

const viewport = { width: 1200, height: 1085 };

/** Seeds of scenes: the last one is shown, the others fill the plot. */
const seeds = [25, 173, 248, 191, 39, 156];

/**
 * Clicks "New scene" with a seeded Math.random (mulberry32).
 * @param {number} seed
 */
function drawScene(seed) {
  const { random } = Math;
  Math.random = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let bits = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
  document.getElementById("draw")?.click();
  Math.random = random;
}

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
  await page.goto(`${url}?source=image`);
  for (const seed of seeds) {
    const caption = untilCaption(page);
    await page.evaluate(drawScene, seed);
    console.log(`  ${await caption}`);
  }
  // The metrics are painted a frame after the caption.
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
