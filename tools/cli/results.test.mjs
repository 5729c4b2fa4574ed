// @ts-check
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fromPlaywright, fromVitest, read, sum } from "./results.mjs";

test("counts Vitest's tests, and a file that does not load", () => {
  const report = {
    testResults: [
      {
        name: "a.test.ts",
        status: "failed",
        assertionResults: [
          { fullName: "one", status: "passed" },
          { fullName: "two", status: "failed" },
          { fullName: "three", status: "skipped" },
        ],
      },
      { name: "b.test.ts", status: "failed", assertionResults: [] },
    ],
  };
  expect(fromVitest(report)).toEqual({
    passed: 1,
    failed: ["two", "b.test.ts"],
    skipped: ["three"],
  });
});

test("counts Playwright's tests and errors outside of them", () => {
  const report = {
    suites: [
      {
        title: "a.spec.ts",
        specs: [{ title: "one", ok: true, tests: [{ status: "expected" }] }],
        suites: [
          {
            title: "inner",
            specs: [
              { title: "two", ok: false, tests: [{ status: "unexpected" }] },
              { title: "three", ok: true, tests: [{ status: "skipped" }] },
            ],
          },
        ],
      },
    ],
    errors: [{ message: "server did not start\n  at …" }],
  };
  expect(fromPlaywright(report)).toEqual({
    passed: 1,
    failed: ["a.spec.ts › inner › two", "server did not start"],
    skipped: ["a.spec.ts › inner › three"],
  });
});

test("a step without a count fails unless it is a plain check", () => {
  const folder = mkdtempSync(join(tmpdir(), "results-"));
  const path = join(folder, "report.json");
  const report = { path, kind: /** @type {const} */ ("vitest") };
  expect(read("unit", true, report).failed).toHaveLength(1);
  writeFileSync(path, JSON.stringify({ testResults: [] }));
  expect(read("unit", true, report).failed).toEqual(["unit: no test ran"]);
  expect(read("lint", true, undefined).failed).toEqual([]);
  expect(read("lint", false, undefined).failed).toEqual(["lint"]);
});

test("an error outside of every test is not lost", () => {
  const folder = mkdtempSync(join(tmpdir(), "results-"));
  const path = join(folder, "report.json");
  const passed = { fullName: "one", status: "passed" };
  const file = { name: "a", status: "passed", assertionResults: [passed] };
  writeFileSync(path, JSON.stringify({ testResults: [file] }));
  const unit = read("unit", false, { path, kind: "vitest" });
  expect(sum([unit, unit])).toEqual({
    passed: 2,
    failed: ["unit: ended with an error", "unit: ended with an error"],
    skipped: [],
  });
});
