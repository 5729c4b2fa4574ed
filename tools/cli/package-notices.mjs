// @ts-check
/** The licences of what the built files contain of others. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./prepare.mjs";

/** Packages that name the licence and leave out its text. */
const unwritten = new Map([
  ["onnxruntime-web", "Copyright (c) Microsoft Corporation"],
]);

const packageOf = /node_modules\/((?:@[^/]+\/)?[^/]+)\//;

/** @param {string} name of a package @param {string} folder */
function licenceText(name, folder) {
  const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
  if (file !== undefined) return readFileSync(join(folder, file), "utf8");
  const copyright = unwritten.get(name);
  if (copyright === undefined) throw new Error(`${name} has no licence text.`);
  const ours = readFileSync(join(root, "LICENSE"), "utf8");
  return ours.replace(/^Copyright.*$/m, copyright);
}

/**
 * @param {readonly string[]} modules that went into the files
 * @returns {string} a name, a licence and its text for each package
 */
export function notices(modules) {
  const names = new Set(modules.flatMap((id) => packageOf.exec(id)?.[1] ?? []));
  return [...names]
    .sort()
    .map((name) => {
      const folder = join(root, "node_modules", name);
      if (!existsSync(folder)) throw new Error(`Where is ${name}?`);
      /** @type {unknown} */
      const json = JSON.parse(
        readFileSync(join(folder, "package.json"), "utf8"),
      );
      const { version, license } =
        /** @type {{ version: string, license: string }} */ (json);
      const title = `${name} ${version} (${license})`;
      const text = licenceText(name, folder).trim();
      return `${title}\n${"=".repeat(title.length)}\n\n${text}\n`;
    })
    .join("\n\n");
}
