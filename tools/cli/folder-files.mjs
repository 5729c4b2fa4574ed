// @ts-check
/** The files of a folder on this machine. */
import { readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * @typedef {object} Entry
 * @property {string} path below the folder, with slashes
 * @property {string} full on this machine
 * @property {number} size
 * @property {number} time of the last change
 */

/**
 * Every file but the hidden ones; links are followed, in a circle only once.
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
