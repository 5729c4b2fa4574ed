// @ts-check
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "./prepare.mjs";
import { linkRepository, repositoryUrl } from "./repository-link.mjs";

const page = readFileSync(join(root, "index.html"), "utf8");
const url = "https://git.example.org/owner/name";

test.each([
  `${url}`,
  `${url}.git`,
  `git+${url}.git`,
  { type: "git", url: `git+${url}.git` },
])("links the repository %j", (repository) => {
  expect(repositoryUrl(repository)).toBe(url);
  const links = [...linkRepository(page, repository).matchAll(/<a .*?<\/a>/gs)];
  expect(links.map(([link]) => link)).toContain(
    `<a href="${url}" data-text="repository">Source code</a>`,
  );
});

test("links nothing without a repository", () => {
  const linked = linkRepository(page, undefined);
  expect(linked).not.toMatch(/repository|Source code/);
});

test.each(["owner/name", "git@git.example.org:owner/name.git", {}, ""])(
  "rejects the repository %j",
  (repository) => {
    expect(() => linkRepository(page, repository)).toThrow(
      /repository .* has no https: URL/,
    );
  },
);
