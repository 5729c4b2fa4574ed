// @ts-check
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const name = "@huggingface/transformers-structured-output";

/** Sources of the library's grammar engine. */
const engine = join(
  dirname(createRequire(import.meta.url).resolve(name)),
  "../src/engine",
);

/**
 * Resolves `structured-output/json` and `/regex` to the library's engine; its entry
 * point would bundle transformers.js. Needed in every build of the worker.
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
