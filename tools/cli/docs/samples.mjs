// @ts-check
/** Compiles the code samples of the documents against the package's types. */
import { join } from "node:path";
import ts from "typescript";
import { documents, samplesOf } from "./documents.mjs";
import { readJson, root } from "../prepare.mjs";

const languages = ["js", "jsx", "ts", "tsx"];

/** "Possibly null" errors, which samples in JavaScript may ignore. */
const possiblyNull = [2531, 18047];

/** @returns {Record<string, string[]>} the package's entry points as sources */
function packagePaths() {
  const { name, exports } =
    /** @type {{ name: string, exports: Record<string, { default?: string }> }} */ (
      readJson(join(root, "package.json"))
    );
  return Object.fromEntries(
    Object.entries(exports).flatMap(([entry, { default: file = "" }]) => {
      const source = /^\.\/lib\/es\/(.*)\.js$/.exec(file)?.[1];
      return source === undefined
        ? []
        : [[name + entry.slice(1), [`./src/${source}`]]];
    }),
  );
}

/** @returns {Map<string, string>} virtual files and their contents */
function samples() {
  /** @type {Map<string, string>} */
  const files = new Map();
  for (const { path, text } of documents()) {
    for (const { language, code, line } of samplesOf(text)) {
      if (!languages.includes(language)) continue;
      const name = `${path.replaceAll("/", "-")}-line-${line}.${language}`;
      files.set(join(root, "docs", name), code);
    }
  }
  return files;
}

/** @returns {{ count: number, faults: string[] }} `faults`: one line each */
export function checkSamples() {
  const files = samples();
  /** @type {ts.CompilerOptions} */
  const options = {
    ...{ noEmit: true, strict: true, skipLibCheck: true, allowJs: true },
    ...{ checkJs: true, isolatedModules: true },
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    moduleDetection: ts.ModuleDetectionKind.Force,
    jsx: ts.JsxEmit.ReactJSX,
    types: ["@webgpu/types", "vite/client"],
    paths: packagePaths(),
    configFilePath: join(root, "docs-samples.json"),
  };
  const disk = ts.createCompilerHost(options, true);
  /** @type {ts.CompilerHost} */
  const host = {
    ...disk,
    fileExists: (path) => files.has(path) || disk.fileExists(path),
    readFile: (path) => files.get(path) ?? disk.readFile(path),
    getSourceFile: (path, how, ...rest) => {
      const code = files.get(path);
      return code === undefined
        ? disk.getSourceFile(path, how, ...rest)
        : ts.createSourceFile(path, code, how, true);
    },
  };
  const define = join(root, "src/element/define.ts");
  const program = ts.createProgram([...files.keys(), define], options, host);
  const faults = [...files.keys()].flatMap((path) => {
    const file = program.getSourceFile(path);
    return [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ]
      .filter(
        ({ code }) => !/\.jsx?$/.test(path) || !possiblyNull.includes(code),
      )
      .map((fault) => ts.formatDiagnostic(fault, host).trim());
  });
  return { count: files.size, faults };
}
