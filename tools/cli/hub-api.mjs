// @ts-check
/** What the hub tells about a repository: its JSON, as huggingface.co's. */
import { pointer } from "./hub-repository.mjs";

/**
 * @typedef {import("./hub-repository.mjs").HubFile} HubFile
 * @typedef {import("./hub-repository.mjs").Snapshot} Snapshot
 * @typedef {import("./hub-faults.mjs").Faults} Faults
 */

/**
 * A file as the hub has it on record, which a fault makes wrong.
 * @param {HubFile} file
 * @param {Faults} faults
 */
export function record(file, faults) {
  const { path, sha256, blob } = file;
  const size = file.size + (faults.takeNumber("wrong-size", path) ?? 0);
  const lied = faults.take("wrong-sha", path) !== undefined;
  const other = (/** @type {string} */ hex) =>
    lied ? (hex.startsWith("0") ? "1" : "0") + hex.slice(1) : hex;
  return {
    path,
    size,
    blob: sha256 === undefined ? other(blob) : blob,
    sha256: sha256 === undefined ? undefined : other(sha256),
  };
}

/**
 * `/api/models/{id}` and `/api/models/{id}/revision/{revision}`.
 * @param {string} id
 * @param {Snapshot} snapshot
 * @param {boolean} blobs whether sizes and hashes are asked for
 * @param {Faults} faults
 */
export function modelInfo(id, { commit, files, card }, blobs, faults) {
  const siblings = [...files.values()].map((file) => {
    if (!blobs) return { rfilename: file.path };
    const { path, size, blob, sha256 } = record(file, faults);
    const base = { rfilename: path, size, blobId: blob };
    if (sha256 === undefined) return base;
    const pointerSize = pointer(sha256, size).length;
    return { ...base, lfs: { sha256, size, pointerSize } };
  });
  return {
    ...{ _id: commit.slice(0, 24), id, modelId: id, sha: commit },
    ...{ private: false, gated: false, disabled: false },
    ...{ author: id.split("/")[0], tags: ["onnx"], cardData: card, siblings },
  };
}

/**
 * `/api/models/{id}/tree/{revision}`
 * @param {Snapshot} snapshot
 * @param {string} below a folder with a trailing slash, or nothing
 * @param {boolean} recursive
 * @param {Faults} faults
 */
export function tree({ files }, below, recursive, faults) {
  const inside = [...files.values()].filter(({ path }) =>
    path.startsWith(below),
  );
  if (below !== "" && inside.length === 0) return undefined;
  /** @type {Map<string, object>} */
  const entries = new Map();
  for (const file of inside) {
    const steps = file.path.slice(below.length).split("/");
    for (let depth = 1; depth < steps.length; depth++) {
      if (!recursive && depth > 1) break;
      const path = below + steps.slice(0, depth).join("/");
      const oid = file.blob;
      entries.set(path, { type: "directory", oid, size: 0, path });
    }
    if (recursive || steps.length === 1) {
      entries.set(file.path, treeFile(file, faults));
    }
  }
  return [...entries.values()];
}

/** @param {HubFile} file @param {Faults} faults */
function treeFile(file, faults) {
  const { path, size, blob, sha256 } = record(file, faults);
  const base = { type: "file", oid: blob, size, path };
  if (sha256 === undefined) return base;
  const pointerSize = pointer(sha256, size).length;
  return { ...base, lfs: { oid: sha256, size, pointerSize } };
}
