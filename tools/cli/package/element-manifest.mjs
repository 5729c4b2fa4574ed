// @ts-check
/** Writes the custom elements manifest and custom data for editors. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import * as analyzer from "@custom-elements-manifest/analyzer";
import {
  getVsCodeCssCustomData,
  getVsCodeHtmlCustomData,
} from "custom-element-vs-code-integration";
import { root } from "../prepare.mjs";

/**
 * @typedef {import("../docs/element-page.mjs").Fact} Fact
 * @typedef {import("../docs/element-page.mjs").Member & { privacy?: string, reflects?: boolean }} Member
 * @typedef {{ tagName?: string, members?: Member[], attributes?: (Fact & { fieldName: string })[] }} Declaration
 * @typedef {{ attribute?: string | boolean, reflect?: boolean }} LitProperty
 * @typedef {Parameters<typeof getVsCodeHtmlCustomData>[0]} Elements
 */

// The package's own types lack both.
const { create, ts } =
  /** @type {{ create: (options: { modules: import("typescript").SourceFile[] }) => unknown, ts: typeof import("typescript") }} */ (
    /** @type {unknown} */ (analyzer)
  );

const sources = ["attributes", "fast-vlm", "define"].map(
  (name) => `src/element/${name}.ts`,
);

/** The manifest with published paths instead of source paths. @returns {unknown} */
function analyze() {
  const modules = sources.map((source) =>
    ts.createSourceFile(
      source,
      readFileSync(join(root, source), "utf8"),
      ts.ScriptTarget.ES2015,
      true,
    ),
  );
  const text = JSON.stringify(create({ modules }));
  return JSON.parse(
    text.replace(/"\/?src\/([^"]+?)(\.ts)?"/g, '"lib/es/$1.js"'),
  );
}

/** Static members for Lit only. */
const litMembers = ["properties", "styles"];

/**
 * Adds Lit's attributes and the compiler's types, which the analyzer does not know.
 * @param {Declaration} element
 * @param {ReadonlyMap<string, LitProperty>} properties
 * @param {ReadonlyMap<string, string>} types
 */
function describe(element, properties, types) {
  element.members = (element.members ?? []).filter(
    ({ name, privacy = "public" }) =>
      privacy === "public" &&
      !name.startsWith("#") &&
      !litMembers.includes(name),
  );
  // Attributes from doc tags, such as `lang`, which have no property.
  element.attributes = (element.attributes ?? []).filter(
    ({ name }) => !element.members?.some((member) => member.name === name),
  );
  for (const member of element.members) {
    const declared = properties.get(member.name);
    if (declared === undefined) continue;
    const text = types.get(member.name) ?? member.type?.text;
    if (text !== undefined) member.type = { text };
    if (declared.attribute === false) continue;
    const attribute =
      typeof declared.attribute === "string"
        ? declared.attribute
        : member.name.toLowerCase();
    const { name, description, type, default: initial } = member;
    element.attributes.push({
      name: attribute,
      fieldName: name,
      ...(description !== undefined && { description }),
      ...(type && { type }),
      ...(initial !== undefined && { default: initial }),
    });
    member.attribute = attribute;
    member.reflects = declared.reflect === true;
  }
}

/**
 * @param {string} folder of the built package
 * @returns {Promise<ReadonlyMap<string, LitProperty>>}
 */
async function declaredProperties(folder) {
  const entry = pathToFileURL(join(folder, "es/index.js")).href;
  /** @type {unknown} */
  const exports = await import(entry);
  const { FastVlmElement: element } =
    /** @type {{ FastVlmElement: { observedAttributes: string[], elementProperties: Map<string, LitProperty> } }} */ (
      exports
    );
  // Reading observedAttributes makes Lit collect the properties.
  if (element.observedAttributes.length === 0) {
    throw new Error("FastVlmElement has no observed attributes.");
  }
  return element.elementProperties;
}

/**
 * @param {string} folder of the built package
 * @param {ReadonlyMap<string, string>} types of the element's properties
 */
export async function buildManifest(folder, types) {
  const json = analyze();
  const { modules } =
    /** @type {{ modules: { declarations?: Declaration[] }[] }} */ (json);
  const element = modules
    .flatMap(({ declarations = [] }) => declarations)
    .find(({ tagName }) => tagName !== undefined);
  if (element === undefined)
    throw new Error("custom-elements.json contains no element.");
  describe(element, await declaredProperties(folder), types);
  writeFileSync(
    join(folder, "custom-elements.json"),
    `${JSON.stringify(json, null, 2)}\n`,
  );
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
