// @ts-check
/** Measures the memory of a browser's processes, on Linux only. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import process from "node:process";

/** @typedef {Record<string, number>} Bytes by the kind of process */

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return ""; // the process has ended
  }
}

/** All descendants of this process. */
function descendants() {
  const parents = new Map(
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => {
        const [, parent = ""] =
          /^PPid:\s+(\d+)$/m.exec(read(`/proc/${pid}/status`)) ?? [];
        return /** @type {const} */ ([pid, parent]);
      }),
  );
  const own = new Set([String(process.pid)]);
  for (let before = 0; before < own.size;) {
    before = own.size;
    for (const [pid, parent] of parents) if (own.has(parent)) own.add(pid);
  }
  own.delete(String(process.pid));
  return [...own];
}

/**
 * Resident bytes in total and by kind of process, and the peak of a single process
 * of each kind.
 * @returns {{ now: number, kinds: Bytes, peaks: Bytes } | undefined}
 */
export function processMemory() {
  if (!existsSync("/proc/self/status")) return undefined;
  const kinds = /** @type {Bytes} */ ({});
  const peaks = /** @type {Bytes} */ ({});
  let now = 0;
  for (const pid of descendants()) {
    const status = read(`/proc/${pid}/status`);
    const bytes = (/** @type {string} */ field) =>
      1024 *
      Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
    const [, kind = "browser"] =
      /--type=([\w-]+)/.exec(read(`/proc/${pid}/cmdline`)) ?? [];
    kinds[kind] = (kinds[kind] ?? 0) + bytes("VmRSS");
    now += bytes("VmRSS");
    peaks[kind] = Math.max(peaks[kind] ?? 0, bytes("VmHWM"));
  }
  return { now, kinds, peaks };
}
