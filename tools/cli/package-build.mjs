// @ts-check
/** The package's scripts: modules for bundlers, files for static servers. */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, posix, relative } from "node:path";
import { rolldown } from "rolldown";
import { root } from "./prepare.mjs";
import { structuredOutput } from "./structured-output.mjs";

/** @typedef {import("rolldown").Plugin} Plugin */
/** @typedef {import("rolldown").OutputOptions} OutputOptions */

/** The entries of the package, by their place below `es/`. */
export const entries = {
  index: "src/index.ts",
  "element/define": "src/element/define.ts",
  react: "src/react.ts",
  "prompt-api/index": "src/prompt-api/index.ts",
};

/** As old as a browser may be that has all else that is needed. */
const target = "es2022";

/** What `new URL` says to start the worker, wherever its module will lie. */
const workerAddress =
  /(?<=new URL\(")[^"]*\/vlm\.worker\.ts(?=", import\.meta)/g;

/** @returns {Plugin} the page's scripts start the worker of the package */
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

/** @returns {Plugin} `x?raw`: the text of a file, as Vite has it */
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
 * Its map stays where it was, and is not looked for.
 * @param {string} from @param {string} to
 */
function copy(from, to) {
  if (!from.endsWith(".mjs")) return copyFileSync(from, to);
  const code = readFileSync(from, "utf8");
  writeFileSync(to, code.replace(/^\/\/# sourceMappingURL=.*\n?/m, ""));
}

/**
 * `package/file?url`: the address of a file beside the worker, written so that
 * bundlers find it; here it is put there.
 * @param {string} folder
 * @returns {Plugin}
 */
function beside(folder) {
  return {
    name: "beside",
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
 * @returns {Promise<string[]>} the modules that went into it
 */
async function build(input, output) {
  const bundle = await rolldown({
    cwd: root,
    // React's directive stays at the top of its own module.
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
 * One module without imports: a worker knows no import map, and Vite makes
 * workers of one script unless it is told otherwise.
 * @param {string} folder
 * @param {string} name of this build
 */
const buildWorker = (folder, name) =>
  build(
    {
      input: "workers/vlm.worker.ts",
      plugins: [raw(), beside(join(folder, "web")), structuredOutput()],
      resolve: {
        // As in vite.config.ts: the runtime without the loaders of its wasm.
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
 * @param {string} folder where the package is built
 * @param {{ external: readonly string[], name: string }} options `external`:
 * packages that stay imports; `name`: of this build
 * @returns {Promise<string[]>} what the files for static servers contain
 */
export async function buildScripts(folder, { external, name }) {
  mkdirSync(join(folder, "web"), { recursive: true });
  await buildModules(folder, external);
  return [...(await buildBundle(folder)), ...(await buildWorker(folder, name))];
}
