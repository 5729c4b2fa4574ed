// @ts-check
/** `npm start`: installs, builds and serves the page, and opens a browser. */
import process from "node:process";
import { parseArgs } from "node:util";
import { command } from "./command.mjs";
import { readOrigin } from "./headers.mjs";
import { dist, ensureBuilt, ensureInstalled } from "./prepare.mjs";

const usage = `Usage: npm start -- [--port N] [--allow ORIGIN …] [--no-open]

  --port N         first port to try (default 4173); uses the next free one
  --allow ORIGIN   allow models from this origin, e.g. https://example.org
                   (huggingface.co and this machine are always allowed)
  --no-open        do not open a browser
  --help           print this text`;

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
    throw new Error(
      `--port must be an integer from 0 to 65535, not ${values.port}.`,
    );
  }
  return { ...values, port, allow: values.allow.map(readOrigin) };
}

/** Does nothing on a machine without display. */
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

await command("start", undefined, async () => {
  const { help, port, allow, open } = readOptions();
  if (help) {
    console.log(usage);
    return;
  }
  ensureInstalled();
  ensureBuilt();
  const { serve } = await import("./server.mjs");
  const { url } = await serve(dist, { port, allow });
  console.log(
    `\n  fast-vlm is running at ${url}\n  Press Ctrl+C to stop it.\n`,
  );
  if (open) await openBrowser(url).catch(() => {});
});
