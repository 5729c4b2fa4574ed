// @ts-check
/** The byte formatter of the page. */
import { importSource } from "./import-source.mjs";

export const { formatBytes } =
  /** @type {typeof import("../../src/shared/format.ts")} */ (
    await importSource("shared/format.ts")
  );
