// @ts-check
/**
 * Brings a clone up to date: packages installed, page built. Runs before
 * anything is installed, so it uses Node's own modules only.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const dist = join(root, "dist");
export const cache = join(root, ".cache");

/**
 * npm runs scripts in the package's folder; paths are meant from where it was
 * called. The variable outlives nested calls, so the script is asked for, too.
 */
export const callerFolder =
  (["describe", "accuracy", "bench", "soak", "full-size", "hub"].includes(
    process.env["npm_lifecycle_event"] ?? "",
  )
    ? process.env["INIT_CWD"]
    : undefined) ?? process.cwd();

/** stdout belongs to answers: noise goes to stderr. */
/** @type {import("node:child_process").StdioOptions} */
const noise = ["ignore", 2, 2];

/**
 * @typedef {{ version?: string, optional?: boolean }} Entry
 * @param {string} path of a lock file
 * @returns {Record<string, Entry>}
 */
function readPackages(path) {
  /** @type {unknown} */
  const lock = JSON.parse(readFileSync(path, "utf8"));
  return /** @type {{ packages: Record<string, Entry> }} */ (lock).packages;
}

/** Whether node_modules holds what package-lock.json asks for. */
function isInstalled() {
  const installed = join(root, "node_modules/.package-lock.json");
  if (!existsSync(installed)) return false;
  const wanted = readPackages(join(root, "package-lock.json"));
  const present = readPackages(installed);
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "" || entry.optional === true) return true;
    return present[path]?.version === entry.version;
  });
}

export function ensureInstalled() {
  if (isInstalled()) return;
  console.error("Installing packages (npm ci) …");
  // npm gives scripts its own path; a plain `node` call has to look for it.
  const cli = process.env["npm_execpath"];
  const options = { cwd: root, stdio: noise };
  const args = ["ci", "--no-audit", "--no-fund"];
  const { status } =
    cli === undefined
      ? spawnSync("npm", args, { ...options, shell: true })
      : spawnSync(process.execPath, [cli, ...args], options);
  if (status !== 0) throw new Error("npm ci failed; its output is above.");
}

const sources = [
  "bench.html",
  "index.html",
  "package-lock.json",
  "public",
  "soak.html",
  "src",
  "tools/cli/headers.mjs",
  "tools/cli/offline-shell.mjs",
  "vite.config.ts",
  "workers",
];

/** @param {string} path @returns {string[]} names, sizes and times below it */
function listing(path) {
  const full = join(root, path);
  if (!existsSync(full)) return [];
  const stat = statSync(full);
  if (!stat.isDirectory()) return [`${path} ${stat.size} ${stat.mtimeMs}`];
  return readdirSync(full)
    .sort()
    .flatMap((name) => listing(`${path}/${name}`));
}

/**
 * Builds unless dist/ is of exactly these sources.
 * @param {{ force?: boolean }} [options]
 */
export function ensureBuilt({ force = false } = {}) {
  const stamp = join(cache, "build-stamp");
  const state = createHash("sha256")
    .update(sources.flatMap(listing).join("\n"))
    .digest("hex");
  const upToDate =
    existsSync(join(dist, "index.html")) &&
    existsSync(stamp) &&
    readFileSync(stamp, "utf8") === state;
  if (upToDate && !force) return;
  console.error("Building the page …");
  // Beside the old one, which may be on show, and moved when it is whole.
  const fresh = join(cache, `dist-${process.pid}`);
  const { status } = spawnSync(
    process.execPath,
    [
      ...["node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"],
      ...["--outDir", fresh, "--emptyOutDir"],
    ],
    { cwd: root, stdio: noise },
  );
  if (status !== 0) throw new Error("The build failed; its output is above.");
  rmSync(dist, { recursive: true, force: true, maxRetries: 5 });
  renameSync(fresh, dist);
  writeFileSync(stamp, state);
}
