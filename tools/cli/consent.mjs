// @ts-check
/** Asks for consent to a model's licence before its weights are loaded. */
import process from "node:process";
import { createInterface } from "node:readline/promises";
import { CliError } from "./cli-error.mjs";

/**
 * @typedef {import("./page.mjs").Page} Page
 * @typedef {import("../../src/shared/models.ts").License} License
 */

/** @param {Page} page @param {boolean} agreed by --consent */
export async function loadWithConsent(page, agreed) {
  try {
    return await page.load();
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== "license-needed") {
      throw error;
    }
    const { license } = await page.inspect();
    if (license === undefined) throw error;
    if (!agreed && !(await ask(license))) {
      const { name, url = license.id } = license;
      throw new CliError(
        "license-needed",
        `This model has a licence: ${name}. Read ${url}, then run again with --consent if you accept it.`,
      );
    }
    await page.accept(license.id);
    return page.load();
  }
}

/** Asks on a terminal only. @param {License} license */
async function ask({ name, url = "" }) {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const lines = createInterface({
    input: process.stdin,
    output: process.stderr,
  });
  try {
    const answer = await lines.question(
      `This model has a licence: ${name}.\n${url}\nHave you read the licence, and do you accept it? [y/N] `,
    );
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}
