// @ts-check
/** Opens the built page in a headless browser, always at the same origin. */
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium } from "playwright";
import { requireBrowser, useFlags } from "./browser.mjs";
import { dist } from "./prepare.mjs";
import { openProfile } from "./profile.mjs";
import { serve } from "./server.mjs";

/** Independent of the port, since storage belongs to an origin. */
const host = "fast-vlm.localhost";

/**
 * @param {object} [options]
 * @param {readonly string[]} [options.allow] additional origins of models
 * @param {() => void} [options.onWait] see `openProfile`
 */
export async function openWindow({ allow = [], onWait } = {}) {
  const executablePath = await requireBrowser();
  const profile = await openProfile(onWait ? { onWait } : {});
  const server = await serve(dist, { allow });
  const port = new URL(server.url).port;
  const args = [
    ...useFlags,
    `--host-resolver-rules=MAP ${host}:80 127.0.0.1:${port}`,
  ];
  /** @type {import("playwright").BrowserContext | undefined} */
  let context;
  const close = async () => {
    // localStorage, which has the accepted licences, is written within seconds, or
    // at once when its last page is closed.
    for (const page of context?.pages() ?? []) await page.close();
    await context?.close();
    await server.close();
    profile.release();
  };
  try {
    context = await launch(profile.folder, executablePath, args);
    const page = context.pages()[0] ?? (await context.newPage());
    await show(page);
    return { page, server, close, persistent: profile.persistent };
  } catch (error) {
    await close();
    throw error;
  }
}

/** @param {import("playwright").Page} page */
async function show(page) {
  for (let attempt = 1; ; attempt++) {
    await page.goto(`http://${host}/?source=none&loading=manual`);
    try {
      await page.waitForFunction(
        () => customElements.get("fast-vlm") !== undefined,
        undefined,
        { timeout: 30_000 },
      );
      return;
    } catch (error) {
      // The page may have been rebuilt while it loaded.
      if (attempt === 3) throw error;
    }
  }
}

/** @param {string} folder @param {string} executablePath @param {string[]} args */
async function launch(folder, executablePath, args) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await chromium.launchPersistentContext(folder, {
        ...{ executablePath, args },
        // closeOnStop closes it, so that downloads are stored.
        ...{ handleSIGINT: false, handleSIGTERM: false },
      });
    } catch (error) {
      // The browser of a killed run takes a moment to end.
      const held = /existing browser session|ProcessSingleton/i;
      if (attempt === 10 || !held.test(String(error))) throw error;
      await sleep(1000);
    }
  }
}

/**
 * Closes properly when the user stops the run; exits at once the second time.
 * @param {() => Promise<void>} close
 */
export function closeOnStop(close) {
  for (const [signal, code] of /** @type {const} */ ([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ])) {
    process.once(signal, () => {
      process.once(signal, () => process.exit(code));
      const late = setTimeout(() => process.exit(code), 5000);
      void close()
        .catch(() => undefined)
        .then(() => {
          clearTimeout(late);
          process.exit(code);
        });
    });
  }
}
