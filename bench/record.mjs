// @ts-check
/** What all records in bench/results have in common: name, machine, versions, format. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { dirname, join, resolve } from "node:path";
import { callerFolder, readJson, root } from "../tools/cli/prepare.mjs";

/** @param {string} folder of a package */
export const packageVersion = (folder) =>
  /** @type {{ version: string }} */ (
    readJson(join(root, folder, "package.json"))
  ).version;

/** Versions of fast-vlm and ONNX Runtime. */
export const versions = () => ({
  "fast-vlm": packageVersion("."),
  "onnxruntime-web": packageVersion("node_modules/onnxruntime-web"),
});

/** `git describe` of this clone; undefined outside of a clone. */
function commit() {
  try {
    return execFileSync("git", ["describe", "--always", "--dirty"], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return undefined;
  }
}

/** Facts that a page cannot read. */
export const machine = () => ({
  commit: commit(),
  processor: `${cpus().length} x ${cpus()[0]?.model.trim() ?? "?"}`,
  // Above the number of processors, other programs slowed the run down.
  loadAverage: Number((loadavg()[0] ?? 0).toFixed(1)),
});

/**
 * The file name of a record: the adapter, and everything that is not nano with its
 * default size and dtypes, so that different runs have different names.
 * @param {{ device: string, adapter: string, model: string, size: number }} record
 * @param {{ size?: string | undefined, dtype?: string | undefined }} asked
 */
export function recordName({ device, adapter, model, size }, asked) {
  const defaultSize = Number(asked.size ?? 0) === 0;
  const { dtype = "auto" } = asked;
  return [
    device === "wasm" ? "wasm" : adapter,
    ...(model === "nano" && defaultSize ? [] : [model, size]),
    ...(dtype === "auto" ? [] : [dtype]),
  ]
    .join(" ")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
}

/**
 * @param {string | undefined} out file of the record, by default in bench/results
 * @param {string} name without extension
 * @param {object} record
 * @returns {string} the file
 */
export function writeRecord(out, name, record) {
  const path =
    out === undefined
      ? join(root, `bench/results/${name}.json`)
      : resolve(callerFolder, out);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(record, null, 2)}\n`);
  return path;
}
