// @ts-check
/** Builds the package's modules for bundlers and files for static servers. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, posix, relative } from "node:path";
import { rolldown } from "rolldown";
import { assemblyScript } from "../assembly-script.mjs";
import { root } from "../prepare.mjs";

/** @typedef {import("rolldown").Plugin} Plugin */
/** @typedef {import("rolldown").OutputOptions} OutputOptions */

/** Entry points of the package, by path in `es/`. */
export const entries = {
  index: "src/index.ts",
  "element/define": "src/element/define.ts",
  react: "src/react.ts",
  "prompt-api/index": "src/prompt-api/index.ts",
};

/** All browsers with WebAssembly SIMD and module workers support it. */
const target = "es2022";

/** The worker's address in `new URL("…", import.meta.url)`. */
const workerAddress =
  /(?<=new URL\(")[^"]*\/vlm\.worker\.ts(?=", import\.meta)/g;

/** Replaces the worker's address by that of web/worker.js. @returns {Plugin} */
function packagedWorker() {
  return {
    name: "packaged-worker",
    renderChunk(code, { fileName }) {
      const path = posix.relative(posix.dirname(fileName), "web/worker.js");
      const beside = path.startsWith(".") ? path : `./${path}`;
      return { code: code.replace(workerAddress, beside), map: null };
    },
  };
}

/** Imports `x?raw` as text, like Vite. @returns {Plugin} */
function raw() {
  return {
    name: "raw",
    load: {
      filter: { id: /\?raw$/ },
      handler: (id) =>
        `export default ${JSON.stringify(readFileSync(id.slice(0, -4), "utf8"))};`,
    },
  };
}

/**
 * Copies a file without the reference to its source map.
 * @param {string} from @param {string} to
 */
function copy(from, to) {
  if (!from.endsWith(".mjs")) return copyFileSync(from, to);
  const code = readFileSync(from, "utf8");
  writeFileSync(to, code.replace(/^\/\/# sourceMappingURL=.*\n?/m, ""));
}

/**
 * Imports `package/file?url` as the address of a copy beside the worker, written so
 * that bundlers detect it.
 * @param {string} folder
 * @returns {Plugin}
 */
function copiedAssets(folder) {
  return {
    name: "copied-assets",
    resolveId: {
      filter: { id: /\?url$/ },
      async handler(source, importer) {
        const found = await this.resolve(source.slice(0, -4), importer);
        return found && `beside:${relative(root, found.id)}`;
      },
    },
    load: {
      filter: { id: /^beside:/ },
      handler: (id) => {
        const from = join(root, id.slice("beside:".length));
        const name = basename(from);
        copy(from, join(folder, name));
        return `export default new URL("./${name}", import.meta.url).href;`;
      },
    },
  };
}

/**
 * @param {import("rolldown").InputOptions} input
 * @param {OutputOptions} output
 * @returns {Promise<string[]>} ids of the bundled modules
 */
async function build(input, output) {
  const bundle = await rolldown({
    cwd: root,
    // "use client" is kept in react.js.
    onLog: (level, log, report) => {
      if (log.code !== "MODULE_LEVEL_DIRECTIVE") report(level, log);
    },
    ...input,
    transform: { ...input.transform, target },
  });
  const { output: files } = await bundle.write(output);
  await bundle.close();
  return files.flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
}

/** @param {string} folder @param {readonly string[]} external */
const buildModules = (folder, external) =>
  build(
    {
      input: entries,
      external: (id) =>
        external.some((name) => id === name || id.startsWith(`${name}/`)),
      plugins: [packagedWorker()],
    },
    {
      dir: folder,
      preserveModules: true,
      preserveModulesRoot: join(root, "src"),
      entryFileNames: "es/[name].js",
    },
  );

/** @param {string} folder */
const buildBundle = (folder) =>
  build(
    { input: "src/bundle.ts", plugins: [packagedWorker()] },
    {
      file: join(folder, "web/fast-vlm.js"),
      codeSplitting: false,
      minify: true,
      sourcemap: true,
    },
  );

/**
 * One module without imports, since workers have no import maps and Vite bundles
 * workers as single scripts by default.
 * @param {string} folder
 * @param {string} name of this build
 */
const buildWorker = (folder, name) =>
  build(
    {
      input: "workers/vlm.worker.ts",
      plugins: [assemblyScript(), raw(), copiedAssets(join(folder, "web"))],
      resolve: {
        // As in vite.config.ts: ONNX Runtime without its wasm loaders.
        conditionNames: [
          "onnxruntime-web-use-extern-wasm",
          ...["import", "module", "browser", "default"],
        ],
      },
      transform: {
        define: {
          "import.meta.env.DEV": "false",
          "import.meta.env.BUILD": JSON.stringify(name),
        },
      },
    },
    { file: join(folder, "web/worker.js"), codeSplitting: false },
  );

/**
 * @param {string} folder output
 * @param {{ external: readonly string[], name: string }} options `external`:
 * packages that remain imports; `name`: of this build
 * @returns {Promise<string[]>} ids of the modules bundled in web/
 */
export async function buildScripts(folder, { external, name }) {
  mkdirSync(join(folder, "web"), { recursive: true });
  await buildModules(folder, external);
  return [...(await buildBundle(folder)), ...(await buildWorker(folder, name))];
}
