// @ts-check
/**
 * `npm test`: installs what it needs, then runs every check and test.
 * `--quick` runs types, lint, format and unit tests; `--long` the tests that
 * only a release runs (`*.long.*`).
 */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { command } from "./command.mjs";
import { cache, ensureInstalled, root } from "./prepare.mjs";
import { read, sum } from "./results.mjs";

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {string[]} args a script in node_modules and its arguments
 * @property {"vitest" | "playwright"} [kind] format of its report, if it runs tests
 */

const { values } = parseArgs({
  options: { quick: { type: "boolean" }, long: { type: "boolean" } },
});

const reports = join(cache, "test");

/** @param {string} name @returns {Step} */
const vitest = (name) => ({
  name,
  kind: "vitest",
  args: [
    "node_modules/vitest/vitest.mjs",
    "run",
    `--project=${name}`,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${join(reports, `${name}.json`)}`,
  ],
});

/** @param {string} name @returns {Step} */
const playwright = (name) => ({
  name,
  kind: "playwright",
  args: [
    "node_modules/@playwright/test/cli.js",
    "test",
    `--project=${name}`,
    "--reporter=list,json",
  ],
});

/** @type {Step[]} */
const checks = [
  { name: "types", args: ["node_modules/typescript/bin/tsc", "-b"] },
  {
    name: "lint",
    args: ["node_modules/eslint/bin/eslint.js", ".", "--max-warnings", "0"],
  },
  {
    name: "format",
    args: ["node_modules/prettier/bin/prettier.cjs", "--check", "."],
  },
];

/** @type {Step} */
const build = { name: "build", args: ["tools/cli/build.mjs"] };
/** @type {Step} */
const packaging = { name: "package", args: ["tools/cli/package/check.mjs"] };

/**
 * Lanes run side by side, the steps of a lane in order: most tests wait for one
 * thread of the browser, and two of them fill two cores.
 * @type {Step[][]}
 */
const lanes = values.quick
  ? [checks, [vitest("unit")]]
  : values.long
    ? [
        [vitest("browser-long")],
        [vitest("unit-long"), build, packaging, playwright("e2e-long")],
      ]
    : [
        [vitest("browser"), vitest("isolated")],
        [...checks, vitest("unit"), build, packaging, playwright("e2e")],
      ];

/** @type {Set<() => void>} ends each child that still runs */
const running = new Set();

/** @param {NodeJS.Signals} signal */
function interrupt(signal) {
  for (const end of running) end();
  process.exit(signal === "SIGINT" ? 130 : 143);
}
process.once("SIGINT", interrupt);
process.once("SIGTERM", interrupt);

/** @param {Step} step @returns {Promise<boolean>} whether it exited with 0 */
function run({ name, args }) {
  const child = spawn(process.execPath, args, {
    cwd: root,
    // A process group of its own, so that its browsers end with it.
    detached: process.platform !== "win32",
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      PLAYWRIGHT_JSON_OUTPUT_FILE: join(reports, `${name}.json`),
    },
  });
  const end = () => {
    if (child.pid === undefined) return;
    process.kill(process.platform === "win32" ? child.pid : -child.pid);
  };
  running.add(end);
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) =>
      console.log(`${name.padEnd(7)} │ ${line}`),
    );
  }
  return new Promise((resolve) => {
    child.on("error", () => resolve(false));
    child.on("close", (code) => {
      running.delete(end);
      resolve(code === 0);
    });
  });
}

/** @param {Step} step */
async function runStep(step) {
  const start = performance.now();
  const ok = await run(step);
  const path = join(reports, `${step.name}.json`);
  const results = read(step.name, ok, step.kind && { path, kind: step.kind });
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  const outcome = results.failed.length === 0 ? "passed" : "FAILED";
  console.log(`── ${step.name}: ${outcome} (${seconds} s)`);
  return results;
}

/** @param {Step[]} lane */
async function runLane(lane) {
  const results = [];
  for (const step of lane) results.push(await runStep(step));
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
  const results = await Promise.all(lanes.map(runLane));
  const { passed, failed, skipped } = sum(results.flat());

  console.log("");
  for (const name of skipped) console.log(`skipped: ${name}`);
  for (const name of failed) console.log(`failed: ${name}`);
  const tail = skipped.length > 0 ? `, ${skipped.length} skipped` : "";
  console.log(`${passed} passed, ${failed.length} failed${tail}`);
  if (failed.length > 0) process.exitCode = 1;
}

await command("test", main);
