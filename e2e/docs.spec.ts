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
  readmeHeaders,
  samplesOf,
} from "../tools/cli/documents.mjs";
import {
  captionOf,
  expectScene,
  serveFolder,
  troublesOf,
} from "./support/consumer.ts";
import { fixtures, root, scratch } from "./support/paths.ts";
import { expect, test } from "./support/test.ts";

const elementPage = join(root, "docs/element.md");
const committed = readFileSync(elementPage, "utf8");
/** Somebody's site, who has README only. */
const folder = join(scratch, "readme");

const samples = samplesOf(readDocument("README.md").text);
function sample(language: string, part: string): string {
  const found = samples.find(
    (each) => each.language === language && each.code.includes(part),
  );
  if (!found) throw new Error(`README has no ${language} with ${part}.`);
  return found.code;
}

test.beforeAll(() => {
  test.setTimeout(300_000);
  // Builds lib/, too.
  const { status, stderr } = spawnSync(
    process.execPath,
    ["tools/cli/docs.mjs"],
    { cwd: root, encoding: "utf8" },
  );
  expect(stderr, "typedoc takes every warning for an error").toBe("");
  expect(status).toBe(0);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(root, "lib/web"), join(folder, "fast-vlm"));
});

test("the element's page is what its sources say", () => {
  const now = readFileSync(elementPage, "utf8");
  expect(now, "commit what npm run docs makes").toBe(committed);
});

test("the documents are a site", async ({ page }) => {
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

test("README's page captions the camera, under README's policy", async ({
  page,
}) => {
  writeFileSync(join(folder, "index.html"), sample("html", "<!doctype html>"));
  const site = await serveFolder(folder, readmeHeaders());
  const troubles = troublesOf(page);
  await page.goto(site.url);
  expectScene(await captionOf(page));
  expect(troubles).toEqual([]);
  await site.close();
});

test("README's picture is described, and asked about", async ({ page }) => {
  copyFileSync(join(fixtures, "scenes/0015.png"), join(folder, "photo.jpg"));
  writeFileSync(
    join(folder, "picture.html"),
    `<!doctype html><script type="module" src="fast-vlm/fast-vlm.js"></script>${sample("html", "<img")}`,
  );
  writeFileSync(join(folder, "photo.js"), sample("js", "photo.js"));
  const site = await serveFolder(folder, readmeHeaders());
  const troubles = troublesOf(page);
  const said: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "log") said.push(message.text());
  });
  await page.goto(`${site.url}picture.html`);
  await expect
    .poll(() => said.join("\n"))
    .toMatch(/^A red circle on a black background\. \d+ ms old\nOne\./);
  expect(troubles).toEqual([]);
  await site.close();
});
