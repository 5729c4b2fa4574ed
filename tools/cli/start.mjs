// @ts-check
/** `npm start`: installs, builds, serves the page and opens the browser. */
import process from "node:process";
import { parseArgs } from "node:util";
import { readOrigin } from "./headers.mjs";
import { dist, ensureBuilt, ensureInstalled } from "./prepare.mjs";

const usage = `Usage: npm start -- [--port N] [--allow ORIGIN …] [--no-open]

  --port N         first port to try (default 4173); the next free one is taken
  --allow ORIGIN   a mirror that models may come from, e.g. https://example.org
                   (huggingface.co and servers of this machine always may)
  --no-open        do not open a browser
  --help           this text`;

function readOptions() {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "4173" },
      allow: { type: "string", multiple: true, default: [] },
      open: { type: "boolean", default: true },
      help: { type: "boolean", default: false },
    },
    allowNegative: true,
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Error(`--port takes a number up to 65535, not ${values.port}.`);
  }
  return { ...values, port, allow: values.allow.map(readOrigin) };
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
    const { port, allow } = options;
    const { url } = await serve(dist, { port, allow });
    console.log(`\n  fast-vlm is at ${url}\n  Ctrl+C ends it.\n`);
    if (options.open) await openBrowser(url).catch(() => {});
  }
} catch (error) {
  console.error(
    `start: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exitCode = 1;
}
