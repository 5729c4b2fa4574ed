// @ts-check
/** Resolves the value of `--model`. */
import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { CliError } from "./cli-error.mjs";
import { callerFolder, root } from "./prepare.mjs";

/**
 * @typedef {{ local: boolean } & (
 *   | { kind: "name" | "hub" | "url", model: string }
 *   | { kind: "folder", path: string }
 * )} ModelPlace `local`: needs no download
 */

/** @param {string} [model] @returns {ModelPlace} */
export function findModel(model = "nano") {
  if (/^https?:\/\//i.test(model)) return { kind: "url", model, local: false };
  const bare = /^[\w.-]+$/.test(model);
  if (bare && existsSync(join(root, "public/models", model, "config.json"))) {
    return { kind: "name", model, local: true };
  }
  const path = resolve(callerFolder, model);
  if (model !== "" && existsSync(path) && statSync(path).isDirectory()) {
    if (existsSync(join(path, "config.json"))) {
      return { kind: "folder", path, local: true };
    }
    throw missing(model, "The folder has no config.json.");
  }
  if (bare) return { kind: "name", model, local: false };
  const id = /^(?!\.)[\w.-]+\/(?!\.)[\w.-]+(@\S+)?$/;
  if (id.test(model)) return { kind: "hub", model, local: false };
  throw missing(model, "Folder not found.");
}

/**
 * @param {string} model a name, not a URL or folder
 * @param {readonly { name: string }[]} registry
 */
export function requireKnown(model, registry) {
  if (registry.some(({ name }) => name === model.toLowerCase())) return;
  const names = registry.map(({ name }) => name).join(", ");
  throw missing(model, `Unknown model; known models are ${names}.`);
}

/** @param {string} model @param {string} why */
function missing(model, why) {
  return new CliError(
    "model-file-missing",
    `Model "${model}": ${why} Use a model name, a hub id (owner/name), a URL, or a folder with config.json.`,
  );
}
