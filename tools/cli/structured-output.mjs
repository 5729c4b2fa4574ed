// @ts-check
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const name = "@huggingface/transformers-structured-output";

/** Where the engine of the library is. */
const engine = join(
  dirname(createRequire(import.meta.url).resolve(name)),
  "../src/engine",
);

/**
 * `structured-output/json` and `/regex`: the engine of the library, of which the
 * entry has a front for transformers.js only, and would bring all of that along.
 * Has to be a plugin of whatever builds the worker.
 * @returns {import("vite").Plugin}
 */
export function structuredOutput() {
  return {
    name: "structured-output",
    enforce: "pre",
    resolveId(source) {
      const [, part] = /^structured-output\/(json|regex)$/.exec(source) ?? [];
      return part === undefined ? undefined : join(engine, `${part}.ts`);
    },
  };
}
