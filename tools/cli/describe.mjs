// @ts-check
/** `npm run describe`: the built page, answering on the command line. */
import { existsSync, statSync } from "node:fs";
import process from "node:process";
import { CliError, readOptions, usage } from "./describe-options.mjs";
import { ensureBuilt, ensureInstalled } from "./prepare.mjs";

/**
 * @typedef {import("./describe-options.mjs").Options} Options
 * @typedef {Awaited<ReturnType<typeof import("./page.mjs").openPage>>} Page
 */

/** One line on stderr, with the error's code. @param {unknown} error */
function report(error) {
  const code = error instanceof CliError ? error.code : "internal";
  const message = error instanceof Error ? error.message : String(error);
  const line = message.replace(/\s+/g, " ").trim();
  process.stderr.write(`describe: ${code}: ${line}\n`);
  process.exitCode = 1;
}

/** @param {string} path @param {string} name */
function checkFile(path, name) {
  if (!existsSync(path)) {
    throw new CliError("bad-image", `There is no file ${name}.`);
  }
  if (!statSync(path).isFile()) {
    throw new CliError("bad-image", `${name} is not a file.`);
  }
}

/**
 * @param {Page} page
 * @param {{ name: string, path: string }} file
 * @param {Options} options
 * @param {import("../../src/shared/protocol.ts").ModelInfo} info
 */
async function describe(page, { name, path }, options, info) {
  const live = process.stdout.isTTY && !options.json;
  const prefix = options.files.length > 1 ? `${name}: ` : "";
  let started = false;
  const onToken = (/** @type {string} */ text) => {
    process.stdout.write(started ? text : prefix + text);
    started = true;
  };
  const answer = await page
    .ask(path, options, live ? onToken : undefined)
    .finally(() => {
      if (started) process.stdout.write("\n");
    });
  if (options.json) {
    const { preprocess, encode, prefill, firstToken, total, tokensPerSecond } =
      answer.timings;
    const line = {
      file: name,
      model: options.model,
      prompt: options.prompt,
      text: answer.text,
      tokenIds: answer.tokenIds,
      device: info.device,
      adapter: info.adapter,
      imageTokens: answer.imageTokens,
      timings: {
        ...{ preprocess, encode, prefill, firstToken, total },
        tokensPerSecond,
      },
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  } else if (!live) {
    process.stdout.write(`${prefix}${answer.text}\n`);
  }
}

/** @param {Options} options */
async function run(options) {
  const files = options.files.filter(({ path, name }) => {
    try {
      checkFile(path, name);
      return true;
    } catch (error) {
      report(error);
      return false;
    }
  });
  if (files.length === 0) return;
  ensureInstalled();
  ensureBuilt();
  const { openPage } = await import("./page.mjs");
  const page = await openPage(options);
  try {
    const info = await page.load();
    for (const file of files) {
      await describe(page, file, options, info).catch((error) => {
        const message = error instanceof Error ? error.message : String(error);
        const { code } =
          error instanceof CliError ? error : { code: undefined };
        const named = message.includes(file.name)
          ? message
          : `${file.name}: ${message}`;
        report(new CliError(code ?? "internal", named));
      });
    }
  } finally {
    await page.close();
  }
}

// Whoever reads has enough (`| head -1`), or somebody stops it: no more lines.
// Playwright ends the browser with the process.
process.stdout.on("error", () => process.exit());
process.once("SIGINT", () => process.exit(130));

try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(usage);
  else await run(options);
} catch (error) {
  report(error);
}
