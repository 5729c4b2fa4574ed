// @ts-check
import process from "node:process";

/**
 * Runs a command or prints its help. Errors are printed in one line.
 * @param {string} name
 * @param {string | undefined} help
 * @param {() => unknown} work
 */
export async function command(name, help, work) {
  if (help !== undefined) {
    console.log(help);
    return;
  }
  try {
    await work();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    console.error(`${name}: ${message}`);
    process.exitCode = 1;
  }
}
