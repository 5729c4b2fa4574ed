// @ts-check
/** What tools know of the tag: its manifest, and hints for editors. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import {
  getVsCodeCssCustomData,
  getVsCodeHtmlCustomData,
} from "custom-element-vs-code-integration";
import { root } from "./prepare.mjs";

/**
 * @typedef {{ name: string, fieldName?: string, type?: { text: string } }} Attribute
 * @typedef {{ attributes?: Attribute[] }} Declaration
 * @typedef {{ modules: { declarations?: Declaration[] }[] }} Manifest
 * @typedef {Parameters<typeof getVsCodeHtmlCustomData>[0]} Elements
 */

const analyzer = "node_modules/@custom-elements-manifest/analyzer/cem.js";
const config = "tools/cli/custom-elements.config.mjs";

/** @param {string} folder where custom-elements.json is put */
function analyze(folder) {
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      ...[analyzer, "analyze", "--quiet", "--config", config],
      ...["--outdir", relative(root, folder)],
    ],
    { cwd: root, encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`The manifest failed: ${stderr}`);
}

/** @param {string} text of a manifest of the sources, as of what is published */
const published = (text) =>
  text.replace(/"\/?src\/([^"]+?)(\.ts)?"/g, '"lib/es/$1.js"');

/**
 * The analyzer keeps a type's name; an editor wants its words.
 * @param {Manifest} manifest
 * @param {ReadonlyMap<string, string>} types of the element's properties
 */
function spellTypes(manifest, types) {
  const declarations = manifest.modules.flatMap((each) => {
    return each.declarations ?? [];
  });
  for (const attribute of declarations.flatMap((each) => {
    return each.attributes ?? [];
  })) {
    const text = types.get(attribute.fieldName ?? attribute.name);
    if (text !== undefined) attribute.type = { text };
  }
}

/**
 * @param {string} folder where the package is built
 * @param {ReadonlyMap<string, string>} types of the element's properties
 */
export function buildManifest(folder, types) {
  analyze(folder);
  const path = join(folder, "custom-elements.json");
  /** @type {unknown} */
  const json = JSON.parse(published(readFileSync(path, "utf8")));
  const manifest = /** @type {Manifest} */ (json);
  spellTypes(manifest, types);
  writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`);
  const elements = /** @type {Elements} */ (json);
  writeFileSync(
    join(folder, "vscode.html-custom-data.json"),
    getVsCodeHtmlCustomData(elements, {}),
  );
  writeFileSync(
    join(folder, "vscode.css-custom-data.json"),
    getVsCodeCssCustomData(elements, {}),
  );
}
