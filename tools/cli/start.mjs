// @ts-check
/** `npm start`: installs, builds and serves the page, and opens a browser. */
import process from "node:process";
import { command, flag, readArguments, readPort, text } from "./command.mjs";
import { readOrigin } from "./headers.mjs";
import { dist, ensureBuilt, ensureInstalled } from "./prepare.mjs";

const usage = `Usage: npm start -- [--port N] [--allow ORIGIN …] [--no-open]

  --port N         first port to try (default 4173); uses the next free one
  --allow ORIGIN   allow models from this origin, e.g. https://example.org
                   (huggingface.co and this machine are always allowed)
  --no-open        do not open a browser
  --help           print this text`;

const { values } = readArguments("start", usage, {
  port: { ...text, default: "4173" },
  allow: { ...text, multiple: true, default: [] },
  open: { ...flag, default: true },
});

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

await command("start", async () => {
  const port = readPort(values.port);
  const allow = values.allow.map(readOrigin);
  ensureInstalled();
  ensureBuilt();
  const { serve } = await import("./server.mjs");
  const { url } = await serve(dist, { port, allow });
  console.log(
    `\n  fast-vlm is running at ${url}\n  Press Ctrl+C to stop it.\n`,
  );
  if (values.open) await openBrowser(url).catch(() => {});
});
