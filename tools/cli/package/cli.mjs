#!/usr/bin/env node
// @ts-check
/**
 * `npx fast-vlm`: the command of the published package, which contains this file as
 * lib/cli.mjs. Uses only Node's own modules.
 */
import { cpSync, existsSync, readdirSync, statSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const usage = `Usage: npx fast-vlm copy FOLDER [options]

Copies the files that a page with fast-vlm needs from its server into FOLDER, and prints
the model-base to set. Existing copies are replaced. Run it again after an update.

  --models-only   only the bundled model: for pages built by Vite, webpack, Next or
                  another bundler, which copies the other files itself
  --no-models     all but the bundled model: for pages that load other models
  --help          print this text

Examples:
  npx fast-vlm copy fast-vlm                        next to a page without a bundler
  npx fast-vlm copy public/fast-vlm --models-only   Vite, Next and most other bundlers`;

/** Folders whose content is, by convention, the root of the site. */
const siteFolders = ["public", "static", "dist", "www", "wwwroot", "htdocs"];

const web = fileURLToPath(new URL("web", import.meta.url));

/** @param {string} message */
const badUsage = (message) =>
  new Error(`${message} Run npx fast-vlm --help for the usage.`);

function parse() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        "models-only": { type: "boolean", default: false },
        "no-models": { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // The rest is about arguments that begin with a dash.
    throw badUsage(message.replace(/\.?( To specify .*)?$/, "."));
  }
}

/** Undefined if the help is asked for. */
function readOptions() {
  const { values, positionals } = parse();
  const [command, folder = "", ...others] = positionals;
  if (values.help || process.argv.length === 2) return undefined;
  if (command !== "copy") {
    throw badUsage(
      command === undefined
        ? "No command given."
        : `Unknown command “${command}”.`,
    );
  }
  if (folder.trim() === "") throw badUsage("No folder to copy to given.");
  if (others.length > 0) {
    throw badUsage(
      `Only one folder is possible, not also ${others.join(", ")}.`,
    );
  }
  if (/^[a-z]{2,}:/i.test(folder)) {
    throw badUsage(`“${folder}” is a URL, not a folder.`);
  }
  if (values["models-only"] && values["no-models"]) {
    throw badUsage("--models-only and --no-models exclude each other.");
  }
  return {
    folder,
    models: !values["no-models"],
    scripts: !values["models-only"],
  };
}

/** @param {string} target absolute */
function checkTarget(target) {
  const own = fileURLToPath(new URL("..", import.meta.url));
  if (`${target}${sep}`.startsWith(own)) {
    throw new Error(
      `${target} is a folder of the package itself. Choose a folder of your site.`,
    );
  }
  for (let path = target; ; path = resolve(path, "..")) {
    if (!existsSync(path)) continue;
    if (statSync(path).isDirectory()) return;
    throw new Error(`${path} is a file, not a folder. Choose another folder.`);
  }
}

/** @param {string} path @returns {number} bytes of a file, or of all in a folder */
function sizeOf(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path).reduce(
    (sum, name) => sum + sizeOf(join(path, name)),
    0,
  );
}

/**
 * The URL of the folder, and the assumption that it rests on.
 * @param {string} target absolute
 */
function urlOf(target) {
  const parts = relative(process.cwd(), target).split(sep);
  const root = parts.findLastIndex((part) => siteFolders.includes(part));
  return root < 0
    ? {
        url: parts.join("/") || ".",
        assumption: "In a page in the current folder",
      }
    : {
        url: `/${parts.slice(root + 1).join("/")}`,
        assumption: `If ${parts.slice(0, root + 1).join("/")}/ is the root of your site`,
      };
}

/** @param {NonNullable<ReturnType<typeof readOptions>>} options */
function copy({ folder, models, scripts }) {
  const target = resolve(folder);
  checkTarget(target);
  const names = readdirSync(web).filter((name) =>
    // Declarations are for compilers, which read them in the package.
    name === "models" ? models : scripts && !name.endsWith(".d.ts"),
  );
  for (const name of names) {
    cpSync(join(web, name), join(target, name), { recursive: true });
  }
  const bytes = names.reduce((sum, name) => sum + sizeOf(join(web, name)), 0);
  console.log(`Copied to ${folder} (${Math.round(bytes / 1e6)} MB):`);
  for (const name of names) console.log(`  ${name}`);
  const { url, assumption } = urlOf(target);
  console.log(`\n${assumption}, write:`);
  if (scripts) {
    const script = `${url.replace(/\/$/, "")}/fast-vlm.js`;
    console.log(`  <script type="module" src="${script}"></script>`);
  }
  if (!models) return;
  console.log(`  <fast-vlm model="nano" model-base="${url}"></fast-vlm>
or in JavaScript:
  createFastVlm({ modelBase: "${url}" })`);
}

try {
  const options = readOptions();
  if (options === undefined) console.log(usage);
  else copy(options);
} catch (error) {
  console.error(
    `fast-vlm: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exitCode = 1;
}
