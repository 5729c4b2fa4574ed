// @ts-check
import process from "node:process";

/**
 * Does what a bench is there for, or tells how it is used. What fails is said in
 * a line.
 * @param {string} name
 * @param {string | undefined} help
 * @param {() => Promise<void>} work
 */
export async function command(name, help, work) {
  if (help !== undefined) {
    console.log(help);
    return;
  }
  try {
    await work();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    console.error(`${name}: ${why}`);
    process.exitCode = 1;
  }
}
