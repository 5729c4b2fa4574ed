// @ts-check
/** Collects the licences of bundled packages. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readJson, root } from "../prepare.mjs";

/** Copyright lines of MIT packages that lack the licence text. */
const copyrights = new Map([
  ["onnxruntime-web", "Copyright (c) Microsoft Corporation"],
]);

const packageOf = /node_modules\/((?:@[^/]+\/)?[^/]+)\//;

/** @param {string} name of a package @param {string} folder */
function licenceText(name, folder) {
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  if (file !== undefined) return readFileSync(join(folder, file), "utf8");
  const copyright = copyrights.get(name);
  if (copyright === undefined)
    throw new Error(
      `${name} contains no licence text. Add its copyright line to copyrights.`,
    );
  const ours = readFileSync(join(root, "LICENSE"), "utf8");
  return ours.replace(/^Copyright.*$/m, copyright);
}

/**
 * @param {readonly string[]} modules ids of the bundled modules
 * @returns {string} name, licence and licence text of each package
 */
export function notices(modules) {
  const names = new Set(modules.flatMap((id) => packageOf.exec(id)?.[1] ?? []));
  return [...names]
    .sort()
    .map((name) => {
      const folder = join(root, "node_modules", name);
      const { version, license } =
        /** @type {{ version: string, license: string }} */ (
          readJson(join(folder, "package.json"))
        );
      const title = `${name} ${version} (${license})`;
      const text = licenceText(name, folder).trim();
      return `${title}\n${"=".repeat(title.length)}\n\n${text}\n`;
    })
    .join("\n\n");
}
