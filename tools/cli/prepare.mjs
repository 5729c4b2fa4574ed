// @ts-check
/**
 * Installs packages and builds the page if necessary. Uses only Node's own modules,
 * since it runs before anything is installed.
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
 * The folder that relative paths refer to. npm runs scripts in the package folder
 * and stores the caller's folder in INIT_CWD, which nested npm calls inherit.
 */
export const callerFolder =
  (["describe", "accuracy", "bench", "soak", "full-size", "hub"].includes(
    process.env["npm_lifecycle_event"] ?? "",
  )
    ? process.env["INIT_CWD"]
    : undefined) ?? process.cwd();

/** Sends all output to stderr, since stdout is for answers. */
/** @type {import("node:child_process").StdioOptions} */
const toStderr = ["ignore", 2, 2];

/** @param {string} path @returns {unknown} */
export const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));

/**
 * Runs npm; scripts find its path in npm_execpath.
 * @param {readonly string[]} args
 * @param {import("node:child_process").SpawnSyncOptions} options
 */
export function npm(args, options) {
  const cli = process.env["npm_execpath"];
  const { status, stdout, stderr } =
    cli === undefined
      ? spawnSync("npm", args, { ...options, shell: true })
      : spawnSync(process.execPath, [cli, ...args], options);
  return { ok: status === 0, output: `${String(stdout)}${String(stderr)}` };
}

/**
 * @typedef {{ version?: string, optional?: boolean }} Entry
 * @param {string} path of a lock file
 */
const readPackages = (path) =>
  /** @type {{ packages: Record<string, Entry> }} */ (readJson(path)).packages;

/** Whether node_modules matches package-lock.json. */
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
  const args = ["ci", "--no-audit", "--no-fund"];
  const { ok } = npm(args, { cwd: root, stdio: toStderr });
  if (!ok) throw new Error("npm ci failed; its output is above.");
}

const sources = [
  ...["CHANGELOG.md", "CONTRIBUTING.md", "README.md", "tools/README.md"],
  "bench.html",
  "docs",
  "examples/README.md",
  "index.html",
  "package-lock.json",
  "public",
  "soak.html",
  "src",
  "tools/cli/docs",
  "tools/cli/headers.mjs",
  "tools/cli/offline-shell.mjs",
  "vite.config.ts",
  "workers",
];

/** @param {string} path @returns {string[]} names, sizes and times of all files */
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
 * Builds the page unless dist/ is up to date.
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
  // Built in another folder and moved, since dist/ may be in use.
  const fresh = join(cache, `dist-${process.pid}`);
  const { status } = spawnSync(
    process.execPath,
    [
      ...["node_modules/vite/bin/vite.js", "build", "--logLevel", "warn"],
      ...["--outDir", fresh, "--emptyOutDir"],
    ],
    { cwd: root, stdio: toStderr },
  );
  if (status !== 0) throw new Error("The build failed; its output is above.");
  rmSync(dist, { recursive: true, force: true, maxRetries: 5 });
  renameSync(fresh, dist);
  writeFileSync(stamp, state);
}
