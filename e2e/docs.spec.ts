import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { serveFolder } from "./support/consumer.ts";
import { root } from "./support/paths.ts";
import { expect, test, troublesOf } from "./support/test.ts";

const elementPage = join(root, "docs/element.md");
const committed = readFileSync(elementPage, "utf8");
test.beforeAll(() => {
  // Builds lib/, too.
  const { status, stderr } = spawnSync(
    process.execPath,
    ["tools/cli/docs/build.mjs"],
    { cwd: root, encoding: "utf8" },
  );
  expect(stderr, "typedoc treats warnings as errors").toBe("");
  expect(status).toBe(0);
});

test("docs/element.md matches the sources", () => {
  const now = readFileSync(elementPage, "utf8");
  expect(now, "run npm run docs and commit docs/element.md").toBe(committed);
});

test("the API builds as a site", async ({ page }) => {
  const site = await serveFolder(join(root, ".cache/docs"));
  const troubles = troublesOf(page);
  await page.goto(`${site.url}functions/index.createFastVlm.html`);
  await expect(page.getByRole("heading", { level: 1 })).toContainText(
    "createFastVlm",
  );
  expect(troubles).toEqual([]);
  await site.close();
});
