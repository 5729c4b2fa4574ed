// @ts-check
/**
 * `npm run package:check`: checks the packed package with publint,
 * arethetypeswrong, TypeScript and size-limit.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { cache, ensureInstalled, root } from "../prepare.mjs";

ensureInstalled();
const { publint } = await import("publint");
const { formatMessage } = await import("publint/utils");
const { rolldown } = await import("rolldown");
const { default: ts } = await import("typescript");
const { unpacked } = await import("./pack.mjs");

/** @param {string} script of node_modules @param {string[]} args */
function passes(script, ...args) {
  const path = join("node_modules", script);
  const { status } = spawnSync(process.execPath, [path, ...args], {
    cwd: root,
    stdio: "inherit",
  });
  return status === 0;
}

/** @param {string} tarball */
async function isLinted(tarball) {
  const { buffer } = new Uint8Array(readFileSync(tarball));
  const { messages, pkg } = await publint({
    pack: { tarball: buffer },
    strict: true,
  });
  for (const message of messages) console.error(formatMessage(message, pkg));
  return messages.length === 0;
}

/** Bundles the element like a page, without its lazy chunks. */
async function bundleStart() {
  const folder = join(cache, "size");
  rmSync(folder, { recursive: true, force: true });
  const bundle = await rolldown({
    cwd: root,
    input: "lib/es/element/define.js",
    platform: "browser",
    plugins: [
      {
        name: "start-only",
        generateBundle(_options, files) {
          const chunks = Object.values(files).filter((file) => {
            return file.type === "chunk";
          });
          const start = new Set(chunks.filter(({ isEntry }) => isEntry));
          // Iteration includes the entries added during it.
          for (const { imports } of start) {
            for (const chunk of chunks) {
              if (imports.includes(chunk.fileName)) start.add(chunk);
            }
          }
          for (const chunk of chunks) {
            if (!start.has(chunk)) delete files[chunk.fileName];
          }
        },
      },
    ],
  });
  await bundle.write({ dir: folder, minify: true });
  await bundle.close();
}

/**
 * Compiles a page that uses the package, with the default libraries and without
 * skipLibCheck.
 * @param {string} project
 */
function isTyped(project) {
  const page = join(project, "page.ts");
  copyFileSync(join(root, "e2e/fixtures/typed/page.ts"), page);
  /** @type {import("typescript").CompilerOptions[]} */
  const resolvers = [
    {
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
    },
    {
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
    },
  ];
  const problems = resolvers.flatMap((resolver) =>
    ts.getPreEmitDiagnostics(
      ts.createProgram([page], {
        ...resolver,
        target: ts.ScriptTarget.ES2022,
        lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
        types: [],
        strict: true,
        noEmit: true,
      }),
    ),
  );
  const host = ts.createCompilerHost({});
  if (problems.length > 0) console.error(ts.formatDiagnostics(problems, host));
  return problems.length === 0;
}

const { project, tarball } = unpacked("checked");
writeFileSync(join(project, "package.json"), '{ "type": "module" }');
await bundleStart();
const results = [
  await isLinted(tarball),
  isTyped(project),
  passes(
    "@arethetypeswrong/cli/dist/index.js",
    tarball,
    "--profile",
    "esm-only",
  ),
  passes("size-limit/bin.js"),
];
if (results.includes(false)) process.exitCode = 1;
