// @ts-check
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";
import { root } from "./prepare.mjs";

/** @param {string} folder */
const sourcesIn = (folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => /(?<!\.test|\.d)\.ts$/.test(path))
    .map((path) => join(folder, path));

/** Of a source, the sources that it names: types, and what comes late, too.
 * @param {string} source */
function importsOf(source) {
  const text = readFileSync(join(root, source), "utf8");
  return ts
    .preProcessFile(text)
    .importedFiles.filter(({ fileName }) => fileName.startsWith("."))
    .map(({ fileName }) => `${join(dirname(source), fileName)}.ts`)
    .filter((path) => existsSync(join(root, path)));
}

/** What is left when those go that name none of the rest, or are named by none.
 * @param {ReadonlyMap<string, readonly string[]>} imports */
function circlesOf(imports) {
  const left = new Map(imports);
  for (let before = Infinity; left.size < before;) {
    before = left.size;
    for (const [source, named] of left) {
      const leads = named.some((other) => left.has(other));
      const isNamed = [...left.values()].some((some) => some.includes(source));
      if (!leads || !isNamed) left.delete(source);
    }
  }
  return [...left.keys()];
}

test("a circle is found, without what leads to it or away from it", () => {
  const imports = new Map([
    ["a", ["b"]],
    ["b", ["c", "d"]],
    ["c", ["b"]],
    ["d", []],
  ]);
  expect(circlesOf(imports)).toEqual(["b", "c"]);
});

test("no source imports itself by way of others", () => {
  const sources = [...sourcesIn("src"), ...sourcesIn("workers")];
  const imports = new Map(sources.map((path) => [path, importsOf(path)]));
  expect([...imports.values()].flat().length).toBeGreaterThan(sources.length);
  expect(circlesOf(imports)).toEqual([]);
});
