// @ts-check
/** `npm start`: installs, builds, serves the page and opens the browser. */
import process from "node:process";
import { parseArgs } from "node:util";
import { dist, ensureBuilt, ensureInstalled } from "./prepare.mjs";

const usage = `Usage: npm start -- [--port N] [--no-open]

  --port N    first port to try (default 4173); the next free one is taken
  --no-open   do not open a browser
  --help      this text`;

function readOptions() {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "4173" },
      open: { type: "boolean", default: true },
      help: { type: "boolean", default: false },
    },
    allowNegative: true,
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Error(`--port takes a number up to 65535, not ${values.port}.`);
  }
  return { ...values, port };
}

/** A machine without a display still has the printed address. */
async function openBrowser(/** @type {string} */ url) {
  const headless =
    process.platform === "linux" &&
    !process.env["DISPLAY"] &&
    !process.env["WAYLAND_DISPLAY"];
  if (headless || process.env["CI"]) return;
  const { default: open } = await import("open");
  const child = await open(url);
  child.on("error", () => {});
}

try {
  const options = readOptions();
  if (options.help) {
    console.log(usage);
  } else {
    ensureInstalled();
    ensureBuilt();
    const { serve } = await import("./server.mjs");
    const { url } = await serve(dist, { port: options.port });
    console.log(`\n  fast-vlm is at ${url}\n  Ctrl+C ends it.\n`);
    if (options.open) await openBrowser(url).catch(() => {});
  }
} catch (error) {
  console.error(
    `start: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exitCode = 1;
}
