// @ts-check
/** `npm run describe`: asks the built page in a headless browser. */
import { existsSync, statSync } from "node:fs";
import process from "node:process";
import { CliError } from "./cli-error.mjs";
import { converse } from "./describe-answers.mjs";
import { findModel } from "./model-name.mjs";
import { ensureBuilt, ensureInstalled } from "./prepare.mjs";

/**
 * @typedef {import("./describe-options.mjs").Options} Options
 * @typedef {import("./page.mjs").Page} Page
 * @typedef {import("../../src/shared/protocol.ts").ModelInfo} ModelInfo
 * @typedef {import("./describe-answers.mjs").File} File
 */

/** Set when the user stops the run: errors after that are not reported. */
let stopped = false;

/** Writes one line with the error code to stderr. @param {unknown} error */
function report(error) {
  if (stopped) return;
  const code = error instanceof CliError ? error.code : "internal";
  const message = error instanceof Error ? error.message : String(error);
  const line = message.replace(/\s+/g, " ").trim();
  process.stderr.write(`describe: ${code}: ${line}\n`);
  process.exitCode = 1;
}

/** @param {File} file */
function checkFile({ path, name }) {
  if (!existsSync(path)) {
    throw new CliError("bad-image", `File not found: ${name}.`);
  }
  if (!statSync(path).isFile()) {
    throw new CliError("bad-image", `${name} is not a file.`);
  }
}

/** @param {Page} page @param {readonly File[]} files @param {Options} options @param {ModelInfo} info */
async function describeAll(page, files, options, info) {
  if (options.together) {
    await converse(page, files, options, info);
    return;
  }
  for (const file of files) {
    await converse(page, [file], options, info).catch((error) => {
      const message = error instanceof Error ? error.message : String(error);
      const code = error instanceof CliError ? error.code : "internal";
      const named = message.includes(file.name)
        ? message
        : `${file.name}: ${message}`;
      report(new CliError(code, named));
    });
  }
}

/** @param {Options} options */
async function run(options) {
  const files = options.files.filter((file) => {
    try {
      checkFile(file);
      return true;
    } catch (error) {
      report(error);
      return false;
    }
  });
  const managing = options.models || options.remove !== undefined;
  if (files.length === 0 && !managing) return;
  // Without all of its images, a conversation would be a different one.
  if (options.together && files.length < options.files.length) return;
  // Report an unknown model before building.
  const { local } = findModel(options.model);
  ensureBuilt();
  const { openPage } = await import("./page.mjs");
  const { closeOnStop } = await import("./window.mjs");
  const { progressPrinter } = await import("./progress.mjs");
  const progress = progressPrinter(options.model ?? "nano", process.stderr);
  /** @type {Page | undefined} */
  let page;
  closeOnStop(async () => {
    stopped = true;
    progress.end();
    await page?.close();
  });
  page = await openPage(options, {
    usesStorage: managing,
    // A log file needs no progress of local models.
    onProgress: (event) => {
      if (!local || process.stderr.isTTY) progress.show(event);
    },
    onWait: () => {
      process.stderr.write("Waiting for another describe to finish …\n");
    },
  });
  try {
    if (managing) {
      const { printModels, removeModel } =
        await import("./describe-models.mjs");
      if (options.remove !== undefined) await removeModel(page, options.remove);
      if (options.models) await printModels(page, options);
      return;
    }
    const { loadWithConsent } = await import("./consent.mjs");
    const info = await loadWithConsent(page, options.consent).finally(
      progress.end,
    );
    const { deviceReason } = info;
    if (deviceReason !== undefined && process.stderr.isTTY) {
      process.stderr.write(`${deviceReason}\n`);
    }
    await describeAll(page, files, options, info);
  } finally {
    await page.close();
  }
}

// The reader closed the pipe (`| head -1`).
process.stdout.on("error", () => process.exit());

try {
  ensureInstalled();
  const { readOptions, usage } = await import("./describe-options.mjs");
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(usage);
  else await run(options);
} catch (error) {
  report(error);
}
