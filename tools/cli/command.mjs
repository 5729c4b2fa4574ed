// @ts-check
/** What all commands have in common: arguments, help, and errors in one line. */
import process from "node:process";
import { parseArgs } from "node:util";

export const text = /** @type {const} */ ({ type: "string" });
export const flag = /** @type {const} */ ({ type: "boolean", default: false });

/** @param {string} name of the command @param {unknown} error */
function report(name, error) {
  const message = error instanceof Error ? error.message : String(error);
  console.error(`${name}: ${message}`);
}

/**
 * Parses the arguments. Prints the help, or what is wrong, and exits.
 * @template {NonNullable<import("node:util").ParseArgsConfig["options"]>} T
 * @param {string} name of the command
 * @param {string} usage
 * @param {T} options
 * @param {{ allowPositionals?: boolean }} [others]
 */
export function readArguments(name, usage, options, others = {}) {
  try {
    const { values, positionals } = parseArgs({
      options,
      allowNegative: true,
      // --help is no option of `T`, so that the type of `values` is known.
      args: process.argv.slice(2).filter((arg) => arg !== "--help"),
      ...others,
    });
    if (process.argv.includes("--help")) {
      console.log(usage);
      process.exit();
    }
    return { values, positionals };
  } catch (error) {
    report(name, error);
    process.exit(1);
  }
}

/** @param {string} port @returns {number} */
export function readPort(port) {
  const number = Number(port);
  if (Number.isInteger(number) && number >= 0 && number <= 65535) return number;
  throw new Error(`--port must be an integer from 0 to 65535, not ${port}.`);
}

/**
 * Prints an error of `work` in one line.
 * @param {string} name of the command
 * @param {() => unknown} work
 */
export async function command(name, work) {
  try {
    await work();
  } catch (error) {
    report(name, error);
    process.exitCode = 1;
  }
}
