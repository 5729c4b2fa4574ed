// @ts-check
/** Opens /bench or /soak, built, in a headless browser with a model. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { openModel } from "./model-source.mjs";
import { findModel } from "../tools/cli/model-name.mjs";
import { dist } from "../tools/cli/prepare.mjs";

/**
 * @typedef {object} PageOptions
 * @property {string} model name, hub id, URL or folder
 * @property {boolean} software always use the software adapter
 * @property {Readonly<Record<string, string | undefined>>} search URL parameters
 */

/**
 * Calls `work` with the page `name`.
 * @template T
 * @param {string} name
 * @param {PageOptions} asked
 * @param {(page: import("playwright").Page, show: () => Promise<void>) => Promise<T>} work
 * `show` navigates to the page
 * @returns {Promise<T>}
 */
export async function withPage(name, asked, work) {
  const { chromium } = await import("playwright");
  const browsers = await import("../tools/cli/browser.mjs");
  const { folderHandler, serve } = await import("../tools/cli/server.mjs");
  const { readOrigin } = await import("../tools/cli/headers.mjs");
  const source = await openModel(asked.model);
  const place = findModel(source.model);
  const urls = [source.hub, place.kind === "url" ? place.model : undefined];
  const allow = urls.flatMap((url) => (url ? [readOrigin(url)] : []));
  const server = await serve(dist, { allow });
  // On disk, where the browser stores models.
  const profile = mkdtempSync(join(tmpdir(), "fast-vlm-bench-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: await browsers.requireBrowser(),
    args: asked.software ? browsers.testFlags : browsers.useFlags,
    acceptDownloads: true,
  });
  try {
    let { model } = source;
    if (place.kind === "folder") {
      model = `/bench-models/${basename(place.path)}/`;
      server.mount(model, folderHandler(place.path));
    }
    const page = context.pages()[0] ?? (await context.newPage());
    const all = { model, hub: source.hub, ...asked.search };
    const search = new URLSearchParams(
      Object.entries(all).flatMap(([name, value]) =>
        value === undefined ? [] : [[name, value]],
      ),
    );
    return await work(page, async () => {
      await page.goto(`${server.url}${name}?${search.toString()}`);
    });
  } finally {
    await context.close();
    await server.close();
    await source.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
