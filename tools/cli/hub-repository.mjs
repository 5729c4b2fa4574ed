// @ts-check
/** A folder as a repository of the hub: its files, their hashes, its commit. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { walk } from "./folder-files.mjs";
import { hashOf } from "./hub-hashes.mjs";

/**
 * @typedef {import("./folder-files.mjs").Entry} Entry
 * @typedef {Entry & { blob: string, sha256: string | undefined }} HubFile
 * `blob`: git's id; `sha256`: of files that the hub keeps in LFS
 *
 * @typedef {object} Snapshot
 * @property {string} commit
 * @property {ReadonlyMap<string, HubFile>} files
 * @property {Record<string, string>} card head of README.md
 */

/** The hub's own rules: by name, or above 10 MB. @param {Entry} entry */
function inLfs({ path, size }) {
  const binary = /\.(onnx|onnx_data(_\d+)?|safetensors|bin|pt|npz|npy)$/;
  return size > 10_000_000 || binary.test(path);
}

export class Repository {
  /** @type {{ state: string, snapshot: Promise<Snapshot> } | undefined} */
  #latest;

  /** @param {string} id owner/name @param {string} folder */
  constructor(id, folder) {
    this.id = id;
    this.folder = folder;
  }

  /** The folder as it is now. @returns {Promise<Snapshot>} */
  snapshot() {
    const entries = walk(this.folder);
    const state = JSON.stringify(entries);
    if (this.#latest?.state !== state) {
      const snapshot = this.#hash(entries);
      const latest = (this.#latest = { state, snapshot });
      snapshot.catch(() => {
        if (this.#latest === latest) this.#latest = undefined;
      });
    }
    return this.#latest.snapshot;
  }

  /** @param {Entry[]} entries @returns {Promise<Snapshot>} */
  async #hash(entries) {
    const commit = createHash("sha1");
    /** @type {Map<string, HubFile>} */
    const files = new Map();
    for (const entry of entries) {
      const lfs = inLfs(entry);
      const sha256 = lfs ? await hashOf("sha256", entry) : undefined;
      // What git keeps of a file in LFS is a pointer.
      const blob =
        sha256 === undefined
          ? await hashOf("git", entry)
          : pointerBlob(sha256, entry.size);
      files.set(entry.path, { ...entry, blob, sha256 });
      commit.update(`${entry.path}\0${blob}\n`);
    }
    const card = readCard(files.get("README.md"));
    return { commit: commit.digest("hex"), files, card };
  }
}

/** @param {string} sha256 @param {number} size */
export function pointer(sha256, size) {
  return `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${size}\n`;
}

/** @param {string} sha256 @param {number} size */
function pointerBlob(sha256, size) {
  const text = pointer(sha256, size);
  return createHash("sha1")
    .update(`blob ${text.length}\0${text}`)
    .digest("hex");
}

/** @param {HubFile | undefined} readme @returns {Record<string, string>} */
function readCard(readme) {
  if (readme === undefined) return {};
  const text = readFileSync(readme.full, "utf8");
  const [, head = ""] = /^---\r?\n(.*?)\r?\n---/s.exec(text) ?? [];
  return Object.fromEntries(
    [...head.matchAll(/^([\w-]+):[ \t]*(\S.*?)[ \t\r]*$/gm)].map(
      ([, key = "", value = ""]) => [
        key,
        value.replace(/^(["'])(.*)\1$/, "$2"),
      ],
    ),
  );
}
