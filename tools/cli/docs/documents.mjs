// @ts-check
/** Reads the repository's documents: text, code samples, links and file names. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { root } from "../prepare.mjs";

/**
 * @typedef {object} Document
 * @property {string} path relative to the repository, with slashes
 * @property {string} text
 *
 * @typedef {object} Sample
 * @property {string} language of the fence: `ts`, `html`, …
 * @property {string} code
 * @property {number} line of its first line
 */

/** @param {string} path @returns {Document} */
export const readDocument = (path) => ({
  path,
  text: readFileSync(join(root, path), "utf8"),
});

/** @returns {Document[]} all documents except model cards */
export function documents() {
  const below = (/** @type {string} */ folder) =>
    readdirSync(join(root, folder), { recursive: true })
      .map((name) => posix.join(folder, String(name).replaceAll("\\", "/")))
      .filter((path) => path.endsWith(".md"))
      .sort();
  return ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "tools/README.md"]
    .concat(below("docs"), "examples/README.md")
    .map(readDocument);
}

const fence = /^```(\w*)\n([\s\S]*?)^```$/gm;

/** @param {string} text of a document @returns {Sample[]} */
export function samplesOf(text) {
  return [...text.matchAll(fence)].map(
    ({ 1: language = "", 2: code = "", index }) => ({
      language,
      code,
      line: text.slice(0, index).split("\n").length + 1,
    }),
  );
}

/** @param {string} text @returns {string} without its samples */
const proseOf = (text) => text.replace(fence, "");

/** @param {string} text @returns {string[]} targets of links and images */
export function linksOf(text) {
  const prose = proseOf(text);
  return [
    ...prose.matchAll(/\]\(([^)\s]+)\)/g),
    ...prose.matchAll(/\b(?:src|srcset|href)="([^"]+)"/g),
  ].map(([, target = ""]) => target);
}

/**
 * The anchor that GitHub gives a heading.
 * @param {string} heading
 */
export const anchorOf = (heading) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");

/** @param {string} text @returns {Set<string>} anchors of the headings */
export const anchorsOf = (text) =>
  new Set(
    [...proseOf(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
      anchorOf(heading.trim()),
    ),
  );

const folders = "src|workers|tools|e2e|bench|docs|examples|public";

/** @param {string} text @returns {string[]} files and folders in `backticks` */
export function fileNamesOf(text) {
  const named = new RegExp(`^(${folders})/[\\w./*-]*$`);
  return [...proseOf(text).matchAll(/`([^`\n]+)`/g)]
    .map(([, name = ""]) => name)
    .filter((name) => named.test(name));
}

/**
 * Whether the file or folder exists; `*` matches part of the last segment.
 * @param {string} name
 */
export function fileExists(name) {
  if (!name.includes("*")) return existsSync(join(root, name));
  const folder = join(root, posix.dirname(name));
  const last = posix.basename(name).replaceAll(".", "\\.");
  const pattern = new RegExp(`^${last.replaceAll("*", ".*")}$`);
  return readdirSync(folder).some((file) => pattern.test(file));
}

/** @returns {Record<string, string>} the response headers in docs/security.md */
export function documentedHeaders() {
  const { text } = readDocument("docs/security.md");
  const sample = samplesOf(text).find(({ language }) => language === "http");
  if (sample === undefined)
    throw new Error("docs/security.md has no ```http block.");
  const lines = sample.code.trim().split("\n");
  return Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(": ");
      return [line.slice(0, colon), line.slice(colon + 2)];
    }),
  );
}
