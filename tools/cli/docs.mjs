// @ts-check
/**
 * `npm run docs`: writes docs/element.md from the custom elements manifest, and a
 * site with the API and the documents to .cache/docs.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { ensureInstalled, root } from "./prepare.mjs";

/** @param {string} what @param {readonly string[]} args of Node */
function run(what, args) {
  const options = /** @type {const} */ ({ cwd: root, stdio: "inherit" });
  const { status } = spawnSync(process.execPath, args, options);
  if (status !== 0) throw new Error(`${what} failed; its output is above.`);
}

try {
  ensureInstalled();
  run("The package's build", ["tools/cli/package.mjs"]);
  const manifest = readFileSync(join(root, "lib/custom-elements.json"), "utf8");
  /** @type {unknown} */
  const json = JSON.parse(manifest);
  const { elementPage } = await import("./element-page.mjs");
  const page = await elementPage(
    /** @type {import("./element-page.mjs").Manifest} */ (json),
  );
  writeFileSync(join(root, "docs/element.md"), page);
  run("typedoc", ["node_modules/typedoc/bin/typedoc"]);
} catch (error) {
  console.error(
    `docs: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exitCode = 1;
}
