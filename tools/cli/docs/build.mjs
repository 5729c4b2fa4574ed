// @ts-check
/**
 * `npm run docs`: writes docs/element.md from the custom elements manifest, and the
 * API site to .cache/docs. `site.mjs` makes pages of the documents.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { command } from "../command.mjs";
import { ensureInstalled, readJson, root } from "../prepare.mjs";

/** @param {string} what @param {readonly string[]} args of Node */
function run(what, args) {
  const options = /** @type {const} */ ({ cwd: root, stdio: "inherit" });
  const { status } = spawnSync(process.execPath, args, options);
  if (status !== 0) throw new Error(`${what} failed; its output is above.`);
}

await command("docs", async () => {
  ensureInstalled();
  run("The package's build", ["tools/cli/package/build.mjs"]);
  const { elementPage } = await import("./element-page.mjs");
  const manifest = readJson(join(root, "lib/custom-elements.json"));
  const page = await elementPage(
    /** @type {import("./element-page.mjs").Manifest} */ (manifest),
  );
  const file = join(root, "docs/element.md");
  // A new time of change would make the built page out of date.
  if (readFileSync(file, "utf8") !== page) writeFileSync(file, page);
  run("typedoc", ["node_modules/typedoc/bin/typedoc"]);
});
