// @ts-check
/**
 * Imports `index.ts?asc=simd`, `?asc=relaxed` and `?asc=local` as the base64 text of
 * the WebAssembly module that AssemblyScript compiles from `index.ts`.
 */
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { cache, readJson, root } from "./prepare.mjs";

const sharedMemory = [
  // `compileKernels` clears the flag where memory is not shared.
  "--sharedMemory",
  // Pages of 64 kB: the address space of 4 GB.
  ...["--maximumMemory", "65536"],
];

/** Options of each variant. `local`: for memory of a single thread. */
const variants = {
  local: ["--enable", "simd"],
  simd: ["--enable", "simd,threads", ...sharedMemory],
  relaxed: ["--enable", "simd,relaxed-simd,threads", ...sharedMemory],
};

const suffix = /\?asc=(local|simd|relaxed)$/;

/** @param {readonly string[]} variant */
const options = (variant) => [
  "-O3",
  "--converge",
  "--noAssert",
  // Kernels allocate nothing.
  ...["--runtime", "stub"],
  "--importMemory",
  "--noExportMemory",
  ...variant,
];

/** The sources that may be part of the module of `entry`. @param {string} entry */
const sourcesOf = (entry) =>
  readdirSync(dirname(entry), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .sort()
    .map((name) => join(dirname(entry), name));

/**
 * @param {string} entry path of the source file
 * @param {readonly string[]} variant
 * @returns {Promise<string>} the module as base64
 */
async function compile(entry, variant) {
  const { default: asc } = await import("assemblyscript/asc");
  /** @type {Uint8Array | undefined} */
  let module;
  let log = "";
  const stderr = { write: (/** @type {string} */ text) => void (log += text) };
  const { error } = await asc.main(
    [relative(root, entry), "--outFile", "module.wasm", ...options(variant)],
    {
      stderr,
      readFile: (name, folder) => {
        const path = join(folder, name);
        return existsSync(path) ? readFileSync(path, "utf8") : null;
      },
      writeFile: (_name, contents) => {
        if (typeof contents !== "string") module = contents;
      },
    },
  );
  if (error || module === undefined) {
    throw new Error(`Cannot compile ${entry}:\n${log}`);
  }
  return Buffer.from(module).toString("base64");
}

/**
 * Compiles, unless the sources and the compiler are those of an earlier build.
 * @param {string} entry
 * @param {readonly string[]} variant
 */
async function cached(entry, variant) {
  const { version } = /** @type {{ version: string }} */ (
    readJson(join(root, "node_modules/assemblyscript/package.json"))
  );
  const hash = createHash("sha256");
  hash.update(JSON.stringify([version, options(variant)]));
  for (const source of sourcesOf(entry)) {
    hash.update(relative(root, source)).update(readFileSync(source));
  }
  const folder = join(cache, "assembly");
  const path = join(folder, hash.digest("hex").slice(0, 32));
  if (existsSync(path)) return readFileSync(path, "utf8");
  const module = await compile(entry, variant);
  mkdirSync(folder, { recursive: true });
  // Several test runners may compile at once.
  writeFileSync(`${path}.${process.pid}`, module);
  renameSync(`${path}.${process.pid}`, path);
  return module;
}

/** @returns {import("rolldown").Plugin} */
export function assemblyScript() {
  return {
    name: "assembly-script",
    load: {
      filter: { id: suffix },
      async handler(id) {
        const entry = id.replace(suffix, "");
        const name = /** @type {keyof typeof variants} */ (
          suffix.exec(id)?.[1]
        );
        for (const source of sourcesOf(entry)) this.addWatchFile(source);
        const module = await cached(entry, variants[name]);
        return {
          code: `export default ${JSON.stringify(module)};`,
          moduleType: "js",
        };
      },
    },
  };
}
