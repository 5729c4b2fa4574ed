// @ts-check
/** Implements `describe --models` and `--remove`. */
import process from "node:process";
import { CliError } from "./cli-error.mjs";
import { reportLines, storedLines } from "./report.mjs";
import { formatBytes } from "./units.mjs";

/**
 * @typedef {import("./page.mjs").Page} Page
 * @typedef {import("./describe-options.mjs").Options} Options
 * @typedef {import("../../src/shared/models.ts").ModelReport} ModelReport
 * @typedef {import("../../src/shared/models.ts").StoredModel} StoredModel
 *
 * @typedef {object} Row
 * @property {string} model
 * @property {ModelReport} [report]
 * @property {{ code: string, message: string }} [error] instead of a report
 * @property {StoredModel} [stored]
 */

/** @param {Page} page @param {string} model @param {string} [other] @returns {Promise<Row>} */
async function inspect(page, model, other) {
  try {
    return { model, report: await page.inspect(other) };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { model, error: { code: error.code, message: error.message } };
  }
}

/** @param {Row} row @param {StoredModel} stored */
function isSame({ report, model }, { source, name }) {
  return (
    name === model ||
    report?.name === name ||
    (source.kind === "hub" && report?.source.includes(source.id) === true)
  );
}

/** @param {Page} page @param {Options} options */
export async function printModels(page, options) {
  /** @type {Row[]} */
  const rows = [];
  if (options.model !== undefined) {
    rows.push(await inspect(page, options.model));
  } else {
    for (const { name } of page.registry) {
      rows.push(await inspect(page, name, name));
    }
  }
  const others = [];
  for (const stored of await page.stored()) {
    const row = rows.find((each) => !each.stored && isSame(each, stored));
    if (row) row.stored = stored;
    else if (options.model === undefined) {
      others.push({ model: stored.name, stored });
    }
  }
  for (const row of [...rows, ...others]) {
    process.stdout.write(
      options.json ? `${JSON.stringify(row)}\n` : `${rowText(row)}\n\n`,
    );
  }
  // Fail if the requested model cannot be inspected.
  const error = options.model === undefined ? undefined : rows[0]?.error;
  if (error !== undefined) {
    throw new CliError(
      /** @type {CliError["code"]} */ (error.code),
      error.message,
    );
  }
}

/** @param {Row} row */
function rowText({ model, report, error, stored }) {
  const lines = [
    ...(report ? reportLines(report) : []),
    ...(error ? [error.message] : []),
    ...(stored ? storedLines(stored) : []),
  ];
  return [model, ...lines.map((line) => (line ? `  ${line}` : line))].join(
    "\n",
  );
}

/** @param {Page} page @param {string} key */
export async function removeModel(page, key) {
  const all = await page.stored();
  const found = all.find((stored) => stored.key === key);
  if (found === undefined) {
    const keys = all.map((stored) => stored.key).join(", ") || "none";
    throw new CliError(
      "bad-option",
      `No stored model has the key "${key}". Keys: ${keys}.`,
    );
  }
  await page.remove(key);
  process.stdout.write(
    `Deleted ${found.name}: ${formatBytes(found.bytes)} freed.\n`,
  );
}
