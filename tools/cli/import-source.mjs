// @ts-check
/** Imports TypeScript modules of src/, so that the command line shares them. */
import { join } from "node:path";
import { rolldown } from "rolldown";
import { root } from "./prepare.mjs";

/**
 * @param {string} path of a module below src/ that runs in Node, too
 * @returns {Promise<unknown>}
 */
export async function importSource(path) {
  const bundle = await rolldown({ input: join(root, "src", path) });
  const { output } = await bundle.generate({ format: "esm" });
  await bundle.close();
  return import(`data:text/javascript,${encodeURIComponent(output[0].code)}`);
}
