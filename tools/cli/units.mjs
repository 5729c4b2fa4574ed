// @ts-check
/** The formatters of the page. */
import { importSource } from "./import-source.mjs";

export const { formatBytes, formatDuration } =
  /** @type {typeof import("../../src/shared/format.ts")} */ (
    await importSource("shared/format.ts")
  );
