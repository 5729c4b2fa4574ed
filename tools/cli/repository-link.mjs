// @ts-check
/** Links the repository that package.json names in the demo page, if it names one. */
import { join } from "node:path";
import { readJson, root } from "./prepare.mjs";

/** Where index.html has the link. */
const place = "<!-- repository -->";

/** @typedef {string | { readonly url?: string } | undefined} Repository of package.json */

/** @param {Repository} repository @returns {string | undefined} its web address */
export function repositoryUrl(repository) {
  if (repository === undefined) return undefined;
  const named = typeof repository === "string" ? repository : repository.url;
  const text = (named ?? "").replace(/^git\+/, "");
  if (!/^https:/.test(text) || !URL.canParse(text)) {
    throw new Error(
      `package.json: the repository ${JSON.stringify(repository)} has no https: URL, for example "https://github.com/OWNER/NAME.git".`,
    );
  }
  return new URL(text).href.replace(/(\.git)?\/?$/, "");
}

/** @param {string} html @param {Repository} repository */
export function linkRepository(html, repository) {
  const url = repositoryUrl(repository);
  const link = `<a href="${url}" data-text="repository">Source code</a>`;
  return html.replace(place, url === undefined ? "" : link);
}

/** @returns {import("vite").Plugin} */
export function repositoryLink() {
  return {
    name: "repository-link",
    transformIndexHtml(html) {
      const { repository } = /** @type {{ repository: Repository }} */ (
        readJson(join(root, "package.json"))
      );
      return linkRepository(html, repository);
    },
  };
}
