// @ts-check
/** Hashes of files that may hold gigabytes: streamed, and remembered. */
import { createHash } from "node:crypto";
import {
  createReadStream,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { cache } from "./prepare.mjs";

const store = join(cache, "hub-hashes.json");
/** Smaller ones are hashed again in no time. */
const worthKeeping = 16 * 2 ** 20;

/** @type {Map<string, Promise<string>> | undefined} */
let known;

/** @returns {Record<string, string>} what an earlier run has kept */
function read() {
  try {
    /** @type {unknown} */
    const kept = JSON.parse(readFileSync(store, "utf8"));
    return /** @type {Record<string, string>} */ (kept);
  } catch {
    // Nothing yet, or it was cut: it is only a cache.
    return {};
  }
}

/**
 * @param {"git" | "sha256"} kind `git`: of a blob of that content
 * @param {{ full: string, size: number, time: number }} file
 */
export function hashOf(kind, { full, size, time }) {
  const hashes = (known ??= new Map(
    Object.entries(read()).map(([key, hash]) => [key, Promise.resolve(hash)]),
  ));
  const key = `${kind} ${size} ${time} ${full}`;
  const before = hashes.get(key);
  if (before !== undefined) return before;
  const hash = compute(kind, full, size);
  hashes.set(key, hash);
  hash.then(
    (value) => {
      if (size >= worthKeeping) keep(key, value);
    },
    () => hashes.delete(key),
  );
  return hash;
}

/** @param {"git" | "sha256"} kind @param {string} full @param {number} size */
async function compute(kind, full, size) {
  const hash = createHash(kind === "git" ? "sha1" : "sha256");
  if (kind === "git") hash.update(`blob ${size}\0`);
  await pipeline(createReadStream(full), hash);
  return hash.digest("hex");
}

/** @param {string} key @param {string} value */
function keep(key, value) {
  mkdirSync(dirname(store), { recursive: true });
  writeFileSync(store, JSON.stringify({ ...read(), [key]: value }, null, 1));
}
