// @ts-check
/** The package's declarations, beside its modules. */
import { dirname, join } from "node:path";
import ts from "typescript";
import { root } from "./prepare.mjs";

const tagClass = "FastVlmElement";

/** @param {ts.Diagnostic[]} problems */
const described = (problems) =>
  ts.formatDiagnostics(problems, {
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => root,
    getNewLine: () => "\n",
  });

/**
 * Sources leave out `.js`, as bundlers let them, and the compiler names folders
 * itself; declarations are read by resolvers that take neither.
 * @param {string} text of a declaration file
 * @param {string} source what it declares
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
 * Of the compiler's libraries, those that only some compilers are told to have.
 * @param {string} text of a declaration file
 */
const withLibraries = (text) =>
  /AsyncDispos|asyncDispose/.test(text)
    ? `/// <reference lib="esnext.disposable" />\n${text}`
    : text;

/**
 * What the compiler knows of the element's properties, unions spelt out.
 * @param {ts.Program} program
 */
function propertyTypes(program) {
  const checker = program.getTypeChecker();
  const file = program.getSourceFile(join(root, "src/element/fast-vlm.ts"));
  const module = file && checker.getSymbolAtLocation(file);
  const element = module?.exports?.get(ts.escapeLeadingUnderscores(tagClass));
  if (element === undefined) throw new Error(`There is no ${tagClass}.`);
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
 * Errors of types are another command's business: `npm run typecheck`.
 * @param {string} folder where the package is built
 * @param {readonly string[]} sources its entries
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
