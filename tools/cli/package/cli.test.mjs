// @ts-check
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const source = join(import.meta.dirname, "cli.mjs");

/** @type {string} a project with a small package installed */
let project;

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), "fast-vlm-cli-"));
  for (const name of [
    "fast-vlm.js",
    "worker.js",
    "worker.d.ts",
    "ort.wasm",
    "models/nano/config.json",
  ]) {
    write(`node_modules/fast-vlm/lib/web/${name}`, name);
  }
  copyFileSync(source, join(project, "node_modules/fast-vlm/lib/cli.mjs"));
});

afterEach(() => rmSync(project, { recursive: true }));

/** @param {string} name @param {string} text */
function write(name, text) {
  const path = join(project, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** @param {string[]} args */
function run(...args) {
  const path = "node_modules/fast-vlm/lib/cli.mjs";
  return spawnSync(process.execPath, [path, ...args], {
    cwd: project,
    encoding: "utf8",
  });
}

/** @param {string} folder @returns {string[]} its files */
const filesIn = (folder) =>
  readdirSync(join(project, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();

const scripts = ["fast-vlm.js", "ort.wasm", "worker.js"];

test.each([
  [[], ["config.json", ...scripts]],
  [["--models-only"], ["config.json"]],
  [["--no-models"], scripts],
])("copy with %j", (options, files) => {
  const { status, stderr, stdout } = run("copy", "site/vlm", ...options);
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(filesIn("site/vlm")).toEqual(files);
  for (const name of readdirSync(join(project, "site/vlm"))) {
    expect(stdout).toContain(`  ${name}\n`);
  }
});

test("copy again replaces its files and keeps all others", () => {
  write("public/fast-vlm/worker.js", "old");
  write("public/fast-vlm/mine.txt", "mine");
  const first = run("copy", "public/fast-vlm");
  expect(run("copy", "public/fast-vlm")).toMatchObject({
    status: 0,
    stdout: first.stdout,
  });
  const copied = join(project, "public/fast-vlm");
  expect(readFileSync(join(copied, "worker.js"), "utf8")).toBe("worker.js");
  expect(readFileSync(join(copied, "mine.txt"), "utf8")).toBe("mine");
});

test.each([
  ["fast-vlm", "fast-vlm", "fast-vlm/fast-vlm.js"],
  ["./assets/vlm/", "assets/vlm", "assets/vlm/fast-vlm.js"],
  ["public/fast-vlm", "/fast-vlm", "/fast-vlm/fast-vlm.js"],
  ["app/static/vlm", "/vlm", "/vlm/fast-vlm.js"],
  ["public", "/", "/fast-vlm.js"],
  [".", ".", "./fast-vlm.js"],
])("copy to %s prints the model-base %s", (folder, modelBase, script) => {
  const { stdout } = run("copy", folder);
  expect(stdout).toContain(`<script type="module" src="${script}"></script>`);
  expect(stdout).toContain(
    `<fast-vlm model="nano" model-base="${modelBase}"></fast-vlm>`,
  );
  expect(stdout).toContain(`createFastVlm({ modelBase: "${modelBase}" })`);
});

test.each([
  ["public/fast-vlm", "If public/ is the root of your site, write:"],
  ["app/static/vlm", "If app/static/ is the root of your site, write:"],
  ["fast-vlm", "In a page in the current folder, write:"],
])("copy to %s prints: %s", (folder, assumption) => {
  expect(run("copy", folder).stdout).toContain(`\n\n${assumption}\n`);
});

test("what is not copied is not mentioned", () => {
  const scriptsOnly = run("copy", "fast-vlm", "--no-models").stdout;
  expect(scriptsOnly).not.toContain("model-base");
  const modelsOnly = run("copy", "fast-vlm", "--models-only").stdout;
  expect(modelsOnly).not.toContain("<script");
});

test.each([[[]], [["--help"]], [["copy", "--help"]]])(
  "%j prints the help",
  (args) => {
    const { status, stdout } = run(...args);
    expect(stdout).toMatch(/^Usage: npx fast-vlm copy FOLDER/);
    expect(status).toBe(0);
  },
);

describe("refuses", () => {
  test.each([
    [["copie", "public"], "Unknown command “copie”."],
    [["--no-models"], "No command given."],
    [["copy"], "No folder to copy to given."],
    [["copy", " "], "No folder to copy to given."],
    [["copy", "a", "b"], "Only one folder is possible, not also b."],
    [
      ["copy", "https://a.test/b"],
      "“https://a.test/b” is a URL, not a folder.",
    ],
    [["copy", "a", "--no-models", "--models-only"], "exclude each other."],
    [["copy", "a", "--force"], "Unknown option '--force'."],
  ])("%j", (args, message) => {
    const { status, stdout, stderr } = run(...args);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^fast-vlm: .* Run npx fast-vlm --help .*\n$/);
    expect(stdout).toBe("");
    expect(status).toBe(1);
  });

  test.each([
    ["package.json", "package.json is a file"],
    ["package.json/fast-vlm", "package.json is a file"],
    ["node_modules/fast-vlm/lib", "a folder of the package itself"],
    ["node_modules/fast-vlm/lib/web/copy", "a folder of the package itself"],
  ])("the folder %s: %s", (folder, message) => {
    write("package.json", "{}");
    const before = filesIn(".");
    const { status, stderr } = run("copy", folder);
    expect(stderr).toContain(message);
    expect(status).toBe(1);
    expect(filesIn(".")).toEqual(before);
  });
});
