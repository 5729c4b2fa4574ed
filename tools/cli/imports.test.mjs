// @ts-check
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { root } from "./prepare.mjs";

/** @typedef {ReadonlyMap<string, readonly string[]>} Graph */

/** @param {string} folder */
const sourcesIn = (folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => /(?<!\.test|\.d)\.ts$/.test(path))
    .map((path) => join(folder, path));

const sources = [...sourcesIn("src"), ...sourcesIn("workers")];

/** @param {string} source */
const read = (source) => readFileSync(join(root, source), "utf8");

/** The sources that a source imports, including types and dynamic imports.
 * @param {string} source */
function importsOf(source) {
  return ts
    .preProcessFile(read(source))
    .importedFiles.filter(({ fileName }) => fileName.startsWith("."))
    .map(({ fileName }) => `${join(dirname(source), fileName)}.ts`)
    .filter((path) => existsSync(join(root, path)));
}

/** The nodes on cycles and on paths between cycles: repeatedly removes nodes without
 * incoming or without outgoing edges.
 * @param {Graph} graph */
function cyclesOf(graph) {
  const left = new Map(graph);
  for (let before = Infinity; left.size < before;) {
    before = left.size;
    for (const [node, targets] of left) {
      const hasTarget = targets.some((other) => left.has(other));
      const isTarget = [...left.values()].some((some) => some.includes(node));
      if (!hasTarget || !isTarget) left.delete(node);
    }
  }
  return [...left.keys()];
}

/** The files directly in a folder are one node; entry files, which are directly in
 * `src` and `workers`, are nodes of their own.
 * @param {string} source */
function folderOf(source) {
  const folder = dirname(source);
  return folder.includes("/") ? folder : source;
}

/** @param {Graph} imports */
function foldersOf(imports) {
  /** @type {Map<string, string[]>} */
  const folders = new Map();
  for (const [source, targets] of imports) {
    const folder = folderOf(source);
    const others = targets.map(folderOf).filter((other) => other !== folder);
    folders.set(folder, [...(folders.get(folder) ?? []), ...others]);
  }
  return folders;
}

const DECLARATION =
  /^export (?:async |abstract )?(?:class|const|enum|function\*?|interface|type) (\w+)/gm;

/** The names that a source declares and exports; re-exports do not count.
 * @param {string} text */
const exportedNames = (text) =>
  new Set(Array.from(text.matchAll(DECLARATION), ([, name]) => String(name)));

/** Names that several sources export.
 * @param {Iterable<readonly [source: string, text: string]>} texts */
function sharedNames(texts) {
  /** @type {Map<string, string[]>} */
  const exporters = new Map();
  for (const [source, text] of texts) {
    for (const name of exportedNames(text)) {
      exporters.set(name, [...(exporters.get(name) ?? []), source]);
    }
  }
  return [...exporters]
    .filter(([, all]) => all.length > 1)
    .map(([name, all]) => `${name}: ${all.join(", ")}`);
}

/** Public names that two entry points share on purpose. */
const SHARED_PUBLIC_NAMES = [
  // The React component of `react.ts` and the interface of `createFastVlm()`.
  "FastVlm: src/react.ts, src/session/create-fast-vlm.ts",
];

const imports = new Map(sources.map((path) => [path, importsOf(path)]));

test("finds a cycle without the nodes that lead to it or away from it", () => {
  const graph = new Map([
    ["a", ["b"]],
    ["b", ["c", "d"]],
    ["c", ["b"]],
    ["d", []],
  ]);
  expect(cyclesOf(graph)).toEqual(["b", "c"]);
});

test("finds a cycle of folders whose files have none", () => {
  const graph = new Map([
    ["src/index.ts", ["src/a/one.ts"]],
    ["src/a/one.ts", ["src/b/one.ts"]],
    ["src/b/one.ts", []],
    ["src/b/two.ts", ["src/a/two.ts"]],
    ["src/a/two.ts", []],
  ]);
  expect(cyclesOf(graph)).toEqual([]);
  expect(cyclesOf(foldersOf(graph))).toEqual(["src/a", "src/b"]);
});

test("finds names that two sources declare and export", () => {
  const shared = sharedNames([
    ["a.ts", "export const one = 1;\nexport type Two = 2;"],
    ["b.ts", "export async function one() {}\nclass Two {}"],
    ["c.ts", 'export { one } from "./a";\nexport type { Two } from "./a";'],
  ]);
  expect(shared).toEqual(["one: a.ts, b.ts"]);
});

test("no source imports itself through others", () => {
  expect([...imports.values()].flat().length).toBeGreaterThan(sources.length);
  expect(cyclesOf(imports)).toEqual([]);
});

test("no folder imports itself through others", () => {
  expect(cyclesOf(foldersOf(imports))).toEqual([]);
});

test("no two sources export the same name", () => {
  // A kernel may have the name of the function that calls it.
  const library = sources.filter(
    (path) => !/\/(testing|assembly)\//.test(path),
  );
  const texts = library.map(
    (path) => /** @type {const} */ ([path, read(path)]),
  );
  expect(sharedNames(texts)).toEqual(SHARED_PUBLIC_NAMES);
});
