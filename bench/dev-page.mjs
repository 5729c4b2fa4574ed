// @ts-check
/**
 * Opens a page on Vite's development server, which serves modules that no built page
 * contains.
 */
import { join } from "node:path";
import { isolationHeaders } from "../tools/cli/headers.mjs";
import { cache, root } from "../tools/cli/prepare.mjs";

/**
 * @template T
 * @param {{ software?: boolean }} options always use the software adapter
 * @param {(page: import("playwright").Page, base: string) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withDevPage({ software = false }, work) {
  const { createServer } = await import("vite");
  const { chromium } = await import("playwright");
  const browsers = await import("../tools/cli/browser.mjs");
  const server = await createServer({
    root,
    cacheDir: join(cache, "vite-bench"),
    logLevel: "error",
    server: {
      ...{ host: "127.0.0.1", port: 0, hmr: false },
      headers: isolationHeaders,
    },
  });
  await server.listen();
  const base = server.resolvedUrls?.local[0] ?? "";
  const browser = await chromium.launch({
    executablePath: await browsers.requireBrowser(),
    args: software ? browsers.testFlags : browsers.useFlags,
  });
  try {
    const page = await browser.newPage();
    await page.goto(`${base}bench.html`);
    return await work(page, base);
  } finally {
    await browser.close();
    await server.close();
  }
}
