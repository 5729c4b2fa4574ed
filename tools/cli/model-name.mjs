// @ts-check
/** What `--model` means. */
import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { CliError } from "./describe-options.mjs";
import { callerFolder, root } from "./prepare.mjs";

/**
 * @typedef {{ here: boolean } & (
 *   | { kind: "name" | "hub" | "url", model: string }
 *   | { kind: "folder", path: string }
 * )} Place `here`: nothing has to be downloaded
 */

/** @param {string} [model] @returns {Place} */
export function findModel(model = "nano") {
  if (/^https?:\/\//i.test(model)) return { kind: "url", model, here: false };
  const bare = /^[\w.-]+$/.test(model);
  if (bare && existsSync(join(root, "public/models", model, "config.json"))) {
    return { kind: "name", model, here: true };
  }
  const path = resolve(callerFolder, model);
  if (model !== "" && existsSync(path) && statSync(path).isDirectory()) {
    if (existsSync(join(path, "config.json"))) {
      return { kind: "folder", path, here: true };
    }
    throw missing(model, "This folder has no config.json.");
  }
  if (bare) return { kind: "name", model, here: false };
  const id = /^(?!\.)[\w.-]+\/(?!\.)[\w.-]+(@\S+)?$/;
  if (id.test(model)) return { kind: "hub", model, here: false };
  throw missing(model, "There is no such folder.");
}

/**
 * @param {string} model neither an address nor a folder
 * @param {readonly { name: string }[]} registry
 */
export function requireKnown(model, registry) {
  if (registry.some(({ name }) => name === model.toLowerCase())) return;
  const names = registry.map(({ name }) => name).join(", ");
  throw missing(model, `There is no such model and no such folder (${names}).`);
}

/** @param {string} model @param {string} why */
function missing(model, why) {
  return new CliError(
    "model-file-missing",
    `"${model}": ${why} Name a model, a hub's id such as owner/name, a URL, or a folder with config.json in it.`,
  );
}
