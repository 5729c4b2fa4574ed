// @ts-check
/** Lists the files of a local folder. */
import { readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * @typedef {object} Entry
 * @property {string} path relative to the folder, with slashes
 * @property {string} full absolute path
 * @property {number} size
 * @property {number} time of the last change (mtimeMs)
 */

/**
 * Lists all files except hidden ones. Follows links; a folder is visited once.
 * @param {string} folder
 * @param {string} [below]
 * @param {Set<string>} [seen]
 * @returns {Entry[]}
 */
export function walk(folder, below = "", seen = new Set()) {
  // A link may lead back up.
  const real = realpathSync(folder);
  if (seen.has(real)) return [];
  seen.add(real);
  return readdirSync(folder)
    .sort()
    .filter((name) => !name.startsWith("."))
    .flatMap((name) => {
      const full = join(folder, name);
      const stat = statSync(full, { throwIfNoEntry: false });
      if (stat?.isDirectory()) return walk(full, `${below}${name}/`, seen);
      if (!stat?.isFile()) return [];
      const path = below + name;
      return [{ path, full, size: stat.size, time: stat.mtimeMs }];
    });
}
