// @ts-check
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import { speedRows } from "../../bench/speed-rows.mjs";
import { errorCodes, FastVlmElement } from "../../src/index.ts";
import { checkSamples } from "./document-samples.mjs";
import {
  anchorsOf,
  documents,
  isThere,
  linksOf,
  namesOf,
  readDocument,
  readmeHeaders,
  samplesOf,
} from "./documents.mjs";
import { productionHeaders } from "./headers.mjs";
import { root } from "./prepare.mjs";

const all = documents();
const readme = readDocument("README.md").text;

describe.each(all)("$path", ({ path, text }) => {
  test("links lead somewhere", () => {
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

  test("files that it names are there", () => {
    expect(namesOf(text).filter((name) => !isThere(name))).toEqual([]);
  });

  test("commands that it names are there", () => {
    /** @type {unknown} */
    const json = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const { scripts } = /** @type {{ scripts: Record<string, string> }} */ (
      json
    );
    const lost = [...text.matchAll(/npm run (?:-s )?([\w:-]+)/g)]
      .map(([, name = ""]) => name)
      .filter((name) => scripts[name] === undefined);
    expect(lost).toEqual([]);
  });
});

test("samples of code compile against the package", () => {
  const { count, faults } = checkSamples();
  expect(faults).toEqual([]);
  expect(count).toBeGreaterThan(4);
}, 300_000);

test("tags in samples have only attributes that there are", () => {
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

test("README names every attribute and every event of the element", () => {
  const { text: manifest } = readDocument("src/element/fast-vlm.ts");
  const events = [...manifest.matchAll(/@fires \{[^}]*\} ([a-z]+)/g)];
  expect(events.length).toBeGreaterThan(6);
  const wanted = [
    ...FastVlmElement.observedAttributes,
    ...events.map(([, name = ""]) => name),
  ];
  expect(wanted.filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
});

test("README says how quick every machine is that was measured", () => {
  const lines = readme
    .split("\n")
    .map((line) => line.replace(/\s+/g, " ").trim());
  const rows = speedRows();
  expect(rows.length).toBeGreaterThan(3);
  expect(rows.filter((row) => !lines.includes(row))).toEqual([]);
});

test("README's policy is ours, and no looser", () => {
  const ours = productionHeaders();
  const { "Content-Security-Policy": policy, ...others } = readmeHeaders();
  expect(ours).toMatchObject(others);
  const allowed = directives(ours["Content-Security-Policy"]);
  const asked = directives(policy ?? "");
  expect(asked.get("default-src")).toEqual(["'none'"]);
  for (const [name, sources] of asked) {
    expect(allowed.get(name)).toEqual(expect.arrayContaining(sources));
  }
});

test("every code of an error is explained, and no other", () => {
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
