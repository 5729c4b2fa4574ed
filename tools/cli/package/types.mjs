// @ts-check
/** Writes the package's type declarations. */
import { dirname, join } from "node:path";
import ts from "typescript";
import { root } from "../prepare.mjs";

const tagClass = "FastVlmElement";

/** @param {ts.Diagnostic[]} problems */
const described = (problems) =>
  ts.formatDiagnostics(problems, {
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => root,
    getNewLine: () => "\n",
  });

/**
 * Adds the file extensions that Node's resolver needs to the imports.
 * @param {string} text of a declaration file
 * @param {string} source its source file
 */
const withExtensions = (text, source) =>
  text.replace(
    /((?:from|import)\s*\(?\s*")(\.{1,2}(?:\/[^"]+)?)(?=")/g,
    (_, before, path) => {
      const isFile = ts.sys.fileExists(join(dirname(source), `${path}.ts`));
      return `${before}${path}${isFile ? ".js" : "/index.js"}`;
    },
  );

/**
 * References the library of `AsyncDisposable`, which is not in the default set.
 * @param {string} text of a declaration file
 */
const withLibraries = (text) =>
  /AsyncDispos|asyncDispose/.test(text)
    ? `/// <reference lib="esnext.disposable" />\n${text}`
    : text;

/**
 * The types of the element's properties, with unions written out.
 * @param {ts.Program} program
 */
function propertyTypes(program) {
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(join(root, "src/element/fast-vlm.ts"));
  const module = file && checker.getSymbolAtLocation(file);
  const element = module?.exports?.get(ts.escapeLeadingUnderscores(tagClass));
  if (element === undefined)
    throw new Error(`src/element/fast-vlm.ts does not export ${tagClass}.`);
  const flags =
    ts.TypeFormatFlags.InTypeAlias | ts.TypeFormatFlags.NoTruncation;
  return new Map(
    checker
      .getDeclaredTypeOfSymbol(element)
      .getProperties()
      .map((property) => {
        const type = checker.getTypeOfSymbol(property);
        return [property.name, checker.typeToString(type, undefined, flags)];
      }),
  );
}

/**
 * Does not report type errors; `npm run typecheck` does.
 * @param {string} folder output
 * @param {readonly string[]} sources entry points
 * @returns {ReadonlyMap<string, string>} types of the element's properties
 */
export function buildTypes(folder, sources) {
  const path = join(root, "tsconfig.src.json");
  const { options, errors } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(path, (name) => ts.sys.readFile(name)).config,
    ts.sys,
    root,
  );
  const program = ts.createProgram({
    rootNames: sources.map((source) => join(root, source)),
    options: {
      ...options,
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      allowImportingTsExtensions: false,
      stripInternal: true,
      rootDir: join(root, "src"),
      outDir: join(folder, "es"),
    },
    configFileParsingDiagnostics: errors,
  });
  const { diagnostics } = program.emit(
    undefined,
    (name, text, _mark, _onError, [source] = []) =>
      ts.sys.writeFile(
        name,
        withLibraries(withExtensions(text, source?.fileName ?? name)),
      ),
  );
  const problems = [...program.getOptionsDiagnostics(), ...diagnostics];
  if (problems.length > 0) throw new Error(described(problems));
  return propertyTypes(program);
}
