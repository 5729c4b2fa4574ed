// @ts-check
/**
 * Prints the browser's WebGPU adapter as JSON: its name, features and limits. Fails if
 * there is none.
 */
import { command, flag, readArguments } from "../tools/cli/command.mjs";
import { dist, ensureBuilt, ensureInstalled } from "../tools/cli/prepare.mjs";

const usage = `Usage: node bench/adapter.mjs [options]

  --hardware       fail if there is only the software adapter`;

const { values } = readArguments("adapter", usage, { hardware: flag });

/** Runs in the page. */
async function describeAdapter() {
  const { gpu } = /** @type {{ gpu?: GPU }} */ (navigator);
  const adapter = await gpu?.requestAdapter({
    powerPreference: "high-performance",
  });
  if (!adapter) return undefined;
  const { vendor, architecture, device, description } = adapter.info;
  /** @type {Record<string, number>} */
  const limits = {};
  // The limits are getters of the prototype.
  for (const name in adapter.limits) {
    limits[name] = Number(Reflect.get(adapter.limits, name));
  }
  const isSoftware =
    adapter.info.isFallbackAdapter || architecture === "swiftshader";
  const features = [...adapter.features].sort();
  const named = { vendor, architecture, device, description, isSoftware };
  return { ...named, features, limits };
}

await command("adapter", async () => {
  ensureInstalled();
  ensureBuilt();
  const { chromium } = await import("playwright");
  const { requireBrowser, useFlags } = await import("../tools/cli/browser.mjs");
  const { serve } = await import("../tools/cli/server.mjs");
  const server = await serve(dist);
  const browser = await chromium.launch({
    executablePath: await requireBrowser(),
    args: useFlags,
  });
  try {
    const page = await browser.newPage();
    // Any page of a secure origin.
    await page.goto(`${server.url}bench.html`);
    const found = await page.evaluate(describeAdapter);
    if (found === undefined)
      throw new Error("the browser has no WebGPU adapter");
    console.log(JSON.stringify(found, null, 2));
    if (values.hardware && found.isSoftware)
      throw new Error("the only adapter is software");
  } finally {
    await browser.close();
    await server.close();
  }
});
