// @ts-check
/** Renders the documents as pages of the site, below `documents/`. */
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { Marked } from "marked";
import { root } from "../prepare.mjs";
import { anchorOf, documents, linksOf } from "./documents.mjs";

const folder = "documents";
const style = "documents.css";

/** @param {string} path of a document @returns {string} of its page */
const pageOf = (path) => `${folder}/${path.replace(/\.md$/, ".html")}`;

/**
 * The target of a link as the site has it: another document's page or an image;
 * undefined for files that are only in the repository.
 * @param {string} target
 * @param {string} from path of the document
 * @param {ReadonlySet<string>} published paths of the documents
 */
function resolveLink(target, from, published) {
  if (/^([a-z]+:|#)/i.test(target)) return target;
  const [path = "", anchor] = target.split("#");
  const file = posix.join(posix.dirname(from), path);
  if (!published.has(file)) return undefined;
  const page = path.replace(/\.md$/, ".html");
  return anchor === undefined ? page : `${page}#${anchor}`;
}

/**
 * @param {import("./documents.mjs").Document} document
 * @param {ReadonlySet<string>} published paths of the documents
 * @returns {string} an HTML page
 */
export function renderDocument({ path, text }, published) {
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth, text: heading }) {
        const content = this.parser.parseInline(tokens);
        return `<h${depth} id="${anchorOf(heading)}">${content}</h${depth}>\n`;
      },
      link({ href, tokens }) {
        const content = this.parser.parseInline(tokens);
        const target = resolveLink(href, path, published);
        return target === undefined
          ? content
          : `<a href="${target}">${content}</a>`;
      },
      // Wide tables scroll on their own.
      table(token) {
        const row = (/** @type {typeof token.header} */ cells) =>
          `<tr>${cells.map((cell) => this.tablecell(cell)).join("")}</tr>\n`;
        const body = token.rows.map(row).join("");
        return `<div class="table" tabindex="0"><table><thead>${row(token.header)}</thead><tbody>${body}</tbody></table></div>\n`;
      },
    },
  });
  const up = "../".repeat(pageOf(path).split("/").length - 1);
  const [, title = path] = /^# (.+)$/m.exec(text) ?? [];
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>${title.replaceAll("`", "").replaceAll("<", "&lt;")} · fast-vlm</title>
    <link rel="icon" href="${up}icon.svg" type="image/svg+xml" />
    <link rel="stylesheet" href="${up}${folder}/${style}" />
  </head>
  <body>
    <nav><a href="${up}index.html">fast-vlm</a> <a href="${up}${pageOf("docs/README.md")}">Documentation</a></nav>
    <main>
${String(marked.parse(text, { async: false }))}    </main>
  </body>
</html>
`;
}

/** @param {import("./documents.mjs").Document} document @returns paths of its images */
const imagesOf = ({ path, text }) =>
  linksOf(text)
    .filter((target) => /^[^:]+\.(png|svg)$/.test(target))
    .map((target) => posix.join(posix.dirname(path), target));

/** @returns {Map<string, string | Uint8Array>} files of the site by path */
function siteFiles() {
  const all = documents();
  const published = new Set(all.map(({ path }) => path));
  /** @type {Map<string, string | Uint8Array>} */
  const files = new Map();
  for (const document of all) {
    files.set(pageOf(document.path), renderDocument(document, published));
  }
  for (const path of new Set(all.flatMap(imagesOf))) {
    files.set(`${folder}/${path}`, readFileSync(join(root, path)));
  }
  const css = readFileSync(join(import.meta.dirname, style), "utf8");
  return files.set(`${folder}/${style}`, css);
}

/** @returns {import("vite").Plugin} adds the documents to the built and the served site */
export function documentPages() {
  return {
    name: "document-pages",
    generateBundle() {
      for (const [fileName, source] of siteFiles()) {
        this.emitFile({ type: "asset", fileName, source });
      }
    },
    configureServer({ middlewares }) {
      middlewares.use((request, response, next) => {
        const { pathname } = new URL(request.url ?? "/", "http://localhost");
        const file = siteFiles().get(pathname.slice(1));
        if (!pathname.startsWith(`/${folder}/`) || file === undefined) {
          next();
          return;
        }
        const types = {
          ...{ html: "text/html", css: "text/css" },
          ...{ png: "image/png", svg: "image/svg+xml" },
        };
        const type = Object.entries(types).find(([end]) =>
          pathname.endsWith(`.${end}`),
        );
        response.setHeader("Content-Type", type?.[1] ?? "text/plain");
        response.end(file);
      });
    },
  };
}
