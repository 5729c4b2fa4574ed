// @ts-check
import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { speedRows } from "../../../bench/speed-rows.mjs";
import { errorCodes, FastVlmElement } from "../../../src/index.ts";
import { checkSamples } from "./samples.mjs";
import {
  anchorsOf,
  documents,
  fileExists,
  linksOf,
  fileNamesOf,
  readDocument,
  documentedHeaders,
  samplesOf,
} from "./documents.mjs";
import { productionHeaders } from "../headers.mjs";
import { readJson, root } from "../prepare.mjs";

const all = documents();

describe.each(all)("$path", ({ path, text }) => {
  test("has no broken links", () => {
    const lost = linksOf(text).filter((target) => {
      if (/^https?:/.test(target)) return false;
      const [file = "", anchor] = target.split("#");
      const full =
        file === "" ? path : relative(root, join(root, dirname(path), file));
      if (!existsSync(join(root, full))) return true;
      return (
        anchor !== undefined && !anchorsOf(readDocument(full).text).has(anchor)
      );
    });
    expect(lost).toEqual([]);
  });

  test("names only files that exist", () => {
    expect(fileNamesOf(text).filter((name) => !fileExists(name))).toEqual([]);
  });

  test("names only npm scripts that exist", () => {
    const { scripts } = /** @type {{ scripts: Record<string, string> }} */ (
      readJson(join(root, "package.json"))
    );
    const lost = [...text.matchAll(/npm run (?:-s )?([\w:-]+)/g)]
      .map(([, name = ""]) => name)
      .filter((name) => scripts[name] === undefined);
    expect(lost).toEqual([]);
  });
});

test("code samples compile against the package", () => {
  const { count, faults } = checkSamples();
  expect(faults).toEqual([]);
  expect(count).toBeGreaterThan(4);
}, 300_000);

test("tags in samples use only attributes of the element", () => {
  const known = [...FastVlmElement.observedAttributes, "id"];
  const html = all.flatMap(({ text }) =>
    samplesOf(text).filter(({ language }) => language === "html"),
  );
  const tags = html.flatMap(({ code }) => code.match(/<fast-vlm[^>]*/g) ?? []);
  expect(tags.length).toBeGreaterThan(1);
  const set = tags.flatMap((tag) =>
    [...tag.replace(/"[^"]*"/g, '""').matchAll(/\s([\w-]+)(?==|\s|$)/g)].map(
      ([, name]) => name,
    ),
  );
  expect(set.filter((name) => !known.includes(name ?? ""))).toEqual([]);
});

test("docs/element.md names every attribute and every event", () => {
  const { text: page } = readDocument("docs/element.md");
  const { text: manifest } = readDocument("src/element/fast-vlm.ts");
  const events = [...manifest.matchAll(/@fires \{[^}]*\} ([a-z]+)/g)];
  expect(events.length).toBeGreaterThan(6);
  const wanted = [
    ...FastVlmElement.observedAttributes,
    ...events.map(([, name = ""]) => name),
  ];
  expect(wanted.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

test("docs/performance.md has a row for every record of bench/results", () => {
  const lines = readDocument("docs/performance.md")
    .text.split("\n")
    .map((line) => line.replace(/\s+/g, " ").trim());
  const rows = speedRows();
  expect(rows.length).toBeGreaterThan(3);
  expect(rows.filter((row) => !lines.includes(row))).toEqual([]);
});

test("the documented policy is no looser than the served one", () => {
  const ours = productionHeaders();
  const { "Content-Security-Policy": policy, ...others } = documentedHeaders();
  expect(ours).toMatchObject(others);
  const allowed = directives(ours["Content-Security-Policy"]);
  const asked = directives(policy ?? "");
  expect(asked.get("default-src")).toEqual(["'none'"]);
  for (const [name, sources] of asked) {
    expect(allowed.get(name)).toEqual(expect.arrayContaining(sources));
  }
});

test("docs/errors.md lists exactly the error codes", () => {
  const { text } = readDocument("docs/errors.md");
  const explained = [...text.matchAll(/^\| `([a-z-]+)`/gm)].map(
    ([, code]) => code,
  );
  expect(explained).toEqual([...errorCodes]);
});

/** @param {string} policy @returns {Map<string, string[]>} */
function directives(policy) {
  return new Map(
    policy.split("; ").map((directive) => {
      const [name = "", ...sources] = directive.split(" ");
      return [name, sources];
    }),
  );
}
