import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import {
  readDocument,
  documentedHeaders,
  samplesOf,
} from "../tools/cli/docs/documents.mjs";
import { captionOf, expectScene, serveFolder } from "./support/consumer.ts";
import { fixtures, root, scratch } from "./support/paths.ts";
import { expect, test, troublesOf } from "./support/test.ts";

const elementPage = join(root, "docs/element.md");
const committed = readFileSync(elementPage, "utf8");
/** A site that contains only the package and the samples. */
const folder = join(scratch, "readme");

function sample(document: string, language: string, part: string): string {
  const found = samplesOf(readDocument(document).text).find(
    (each) => each.language === language && each.code.includes(part),
  );
  if (!found) throw new Error(`${document} has no ${language} with ${part}.`);
  return found.code;
}

test.beforeAll(() => {
  // Builds lib/, too.
  const { status, stderr } = spawnSync(
    process.execPath,
    ["tools/cli/docs/build.mjs"],
    { cwd: root, encoding: "utf8" },
  );
  expect(stderr, "typedoc treats warnings as errors").toBe("");
  expect(status).toBe(0);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(root, "lib/web"), join(folder, "fast-vlm"));
});

test("docs/element.md matches the sources", () => {
  const now = readFileSync(elementPage, "utf8");
  expect(now, "run npm run docs and commit docs/element.md").toBe(committed);
});

test("the documents build as a site", async ({ page }) => {
  const site = await serveFolder(join(root, ".cache/docs"));
  const troubles = troublesOf(page);
  await page.goto(`${site.url}functions/index.createFastVlm.html`);
  await expect(page.getByRole("heading", { level: 1 })).toContainText(
    "createFastVlm",
  );
  await page.goto(`${site.url}documents/element.html`);
  const attribute = page.getByRole("cell", { name: "model-base", exact: true });
  await expect(attribute).toBeVisible();
  expect(troubles).toEqual([]);
  await site.close();
});

test("the README's page captions the camera under the documented policy", async ({
  page,
}) => {
  writeFileSync(
    join(folder, "index.html"),
    sample("README.md", "html", "<!doctype html>"),
  );
  const site = await serveFolder(folder, documentedHeaders());
  const troubles = troublesOf(page);
  await page.goto(site.url);
  expectScene(await captionOf(page));
  expect(troubles).toEqual([]);
  await site.close();
});

test("the guide's image is described and asked about", async ({ page }) => {
  copyFileSync(join(fixtures, "scenes/0015.png"), join(folder, "photo.jpg"));
  writeFileSync(
    join(folder, "photo.html"),
    `<!doctype html><script type="module" src="fast-vlm/fast-vlm.js"></script>${sample("docs/guide.md", "html", "<img")}`,
  );
  writeFileSync(
    join(folder, "photo.js"),
    sample("docs/guide.md", "js", "photo.js"),
  );
  const site = await serveFolder(folder, documentedHeaders());
  const troubles = troublesOf(page);
  const said: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "log") said.push(message.text());
  });
  await page.goto(`${site.url}photo.html`);
  await expect
    .poll(() => said.join("\n"))
    .toMatch(/^A red circle on a black background\. \d+ ms old\nOne\./);
  expect(troubles).toEqual([]);
  await site.close();
});
