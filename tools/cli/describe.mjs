// @ts-check
/** `npm run describe`: the built page, answering on the command line. */
import { existsSync, statSync } from "node:fs";
import process from "node:process";
import { converse } from "./describe-answers.mjs";
import { CliError, readOptions } from "./describe-options.mjs";
import { usage } from "./describe-usage.mjs";
import { findModel } from "./model-name.mjs";
import { ensureBuilt, ensureInstalled } from "./prepare.mjs";

/**
 * @typedef {import("./describe-options.mjs").Options} Options
 * @typedef {import("./page.mjs").Page} Page
 * @typedef {import("../../src/shared/protocol.ts").ModelInfo} ModelInfo
 * @typedef {import("./describe-answers.mjs").File} File
 */

/** What ends because it was stopped is no failure. */
let stopped = false;

/** One line on stderr, with the error's code. @param {unknown} error */
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
    throw new CliError("bad-image", `There is no file ${name}.`);
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
  // A conversation about some of its pictures is another one.
  if (options.together && files.length < options.files.length) return;
  // Said before anything is built.
  const { here } = findModel(options.model);
  ensureInstalled();
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
    kept: managing,
    // A log needs no lines about what is on this machine.
    onProgress: (event) => {
      if (!here || process.stderr.isTTY) progress.show(event);
    },
    onWait: () => {
      process.stderr.write("Waiting for another describe to end …\n");
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
    await describeAll(page, files, options, info);
  } finally {
    await page.close();
  }
}

// Whoever reads has enough (`| head -1`): no more lines.
process.stdout.on("error", () => process.exit());

try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(usage);
  else await run(options);
} catch (error) {
  report(error);
}
