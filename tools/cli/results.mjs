// @ts-check
/** Reads what the reporters of Vitest and Playwright counted. */
import { existsSync } from "node:fs";
import { readJson } from "./prepare.mjs";

/**
 * @typedef {object} Results
 * @property {number} passed
 * @property {string[]} failed names
 * @property {string[]} skipped names
 *
 * @typedef {{ fullName: string, status: string }} VitestCase
 * @typedef {{ name: string, status: string, assertionResults: VitestCase[] }} VitestFile
 * @typedef {{ title: string, ok: boolean, tests: { status: string }[] }} Spec
 * @typedef {{ title: string, specs?: Spec[], suites?: Suite[] }} Suite
 * @typedef {{ suites: Suite[], errors: { message?: string }[] }} PlaywrightReport
 */

/** @returns {Results} */
const noResults = () => ({ passed: 0, failed: [], skipped: [] });

/** @param {Results[]} all @returns {Results} */
export function sum(all) {
  return {
    passed: all.reduce((total, { passed }) => total + passed, 0),
    failed: all.flatMap(({ failed }) => failed),
    skipped: all.flatMap(({ skipped }) => skipped),
  };
}

/** @param {{ testResults: VitestFile[] }} report */
export function fromVitest({ testResults }) {
  const results = noResults();
  for (const { name, status, assertionResults } of testResults) {
    for (const test of assertionResults) {
      if (test.status === "passed") results.passed++;
      else if (test.status === "failed") results.failed.push(test.fullName);
      else results.skipped.push(test.fullName);
    }
    // A file that cannot be run has no tests to fail.
    const blamed = assertionResults.some((test) => test.status === "failed");
    if (status === "failed" && !blamed) results.failed.push(name);
  }
  return results;
}

/** @param {PlaywrightReport} report */
export function fromPlaywright({ suites, errors }) {
  const results = noResults();
  /** @param {Suite} suite @param {string[]} above */
  const walk = (suite, above) => {
    const path = [...above, suite.title];
    for (const spec of suite.specs ?? []) {
      const name = [...path, spec.title].join(" › ");
      if (spec.tests.every((test) => test.status === "skipped")) {
        results.skipped.push(name);
      } else if (spec.ok) results.passed++;
      else results.failed.push(name);
    }
    for (const inner of suite.suites ?? []) walk(inner, path);
  };
  for (const suite of suites) walk(suite, []);
  for (const error of errors) {
    results.failed.push(error.message?.split("\n")[0] ?? "Playwright error");
  }
  return results;
}

/**
 * What a step did, by its report; a step that fails, or counts nothing, is
 * itself a failure.
 * @param {string} step
 * @param {boolean} ok whether its process ended well
 * @param {{ path: string, kind: "vitest" | "playwright" } | undefined} report
 * @returns {Results}
 */
export function read(step, ok, report) {
  if (report === undefined) {
    return ok ? noResults() : { ...noResults(), failed: [step] };
  }
  if (!existsSync(report.path)) {
    return { ...noResults(), failed: [`${step}: no report was written`] };
  }
  const json = readJson(report.path);
  const results =
    report.kind === "vitest"
      ? fromVitest(/** @type {{ testResults: VitestFile[] }} */ (json))
      : fromPlaywright(/** @type {PlaywrightReport} */ (json));
  const blamed = results.failed.length > 0;
  if (!ok && !blamed) results.failed.push(`${step}: ended with an error`);
  if (ok && results.passed === 0) results.failed.push(`${step}: no test ran`);
  return results;
}
