// @ts-check
/** `npm test`: installs what it needs, then every check and every test. */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { cache, ensureInstalled, root } from "./prepare.mjs";
import { read, sum } from "./results.mjs";

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {string[]} args of Node: a script of node_modules and its arguments
 * @property {"vitest" | "playwright"} [kind] of its report, if it runs tests
 */

const reports = join(cache, "test");
const vitest = (/** @type {string} */ name) => [
  "node_modules/vitest/vitest.mjs",
  "run",
  `--project=${name}`,
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${join(reports, `${name}.json`)}`,
];

/** @type {Step[]} */
const steps = [
  { name: "type-check", args: ["node_modules/typescript/bin/tsc", "-b"] },
  {
    name: "lint",
    args: ["node_modules/eslint/bin/eslint.js", ".", "--max-warnings", "0"],
  },
  {
    name: "format",
    args: ["node_modules/prettier/bin/prettier.cjs", "--check", "."],
  },
  { name: "unit", args: vitest("unit"), kind: "vitest" },
  { name: "browser", args: vitest("browser"), kind: "vitest" },
  { name: "build", args: ["tools/cli/build.mjs"] },
  { name: "package", args: ["tools/cli/package-check.mjs"] },
  {
    name: "e2e",
    args: ["node_modules/@playwright/test/cli.js", "test"],
    kind: "playwright",
  },
];

/** No step may hang for ever where nobody watches. */
const timeLimit = 25 * 60_000;

/** @param {Step} step @returns {Promise<boolean>} whether it ended well */
function run({ name, args }) {
  const child = spawn(process.execPath, args, {
    cwd: root,
    // A group of its own, so that its browsers end with it.
    detached: process.platform !== "win32",
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...process.env,
      PLAYWRIGHT_JSON_OUTPUT_FILE: join(reports, "e2e.json"),
    },
  });
  const end = () => {
    if (child.pid === undefined) return;
    process.kill(process.platform === "win32" ? child.pid : -child.pid);
  };
  const interrupt = () => {
    end();
    process.exit(130);
  };
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  const timer = setTimeout(() => {
    console.error(`${name}: ended after ${timeLimit / 60_000} minutes.`);
    end();
  }, timeLimit);
  return new Promise((resolve) => {
    child.on("error", () => resolve(false));
    child.on("close", (code) => {
      clearTimeout(timer);
      process.off("SIGINT", interrupt);
      process.off("SIGTERM", interrupt);
      resolve(code === 0);
    });
  });
}

/** @param {Step} step */
async function runStep(step) {
  console.log(`\n── ${step.name} ${"─".repeat(66 - step.name.length)}`);
  const start = performance.now();
  const ok = await run(step);
  const path = join(reports, `${step.name}.json`);
  const results = read(step.name, ok, step.kind && { path, kind: step.kind });
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  const good = results.failed.length === 0;
  console.log(`${step.name}: ${good ? "good" : "FAILED"} (${seconds} s)`);
  return results;
}

async function main() {
  ensureInstalled();
  const { findBrowser, installBrowser, requireBrowser } =
    await import("./browser.mjs");
  if ((await findBrowser()) === undefined) installBrowser();
  console.log(`Browser: ${await requireBrowser()}`);

  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  const all = [];
  for (const step of steps) all.push(await runStep(step));
  const { passed, failed, skipped } = sum(all);

  console.log("");
  for (const name of skipped) console.log(`skipped: ${name}`);
  for (const name of failed) console.log(`failed: ${name}`);
  const tail = skipped.length > 0 ? `, ${skipped.length} skipped` : "";
  console.log(`${passed} passed, ${failed.length} failed${tail}`);
  if (failed.length > 0) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(
    `test: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exitCode = 1;
}
