// @ts-check
/** Prints the progress of a load to stderr. */
import { importSource } from "./import-source.mjs";

/** @typedef {import("../../src/shared/protocol.ts").LoadProgress} ProgressEvent */

const { progressText } =
  /** @type {typeof import("../../src/element/progress-text.ts")} */ (
    await importSource("element/progress-text.ts")
  );

/**
 * Updates one line on a terminal; otherwise prints a line for each tenth.
 * @param {string} name of the model
 * @param {{ isTTY?: boolean, columns?: number, write: (text: string) => unknown }} stream
 */
export function progressPrinter(name, stream) {
  const live = stream.isTTY === true;
  let tenth = -1;
  let written = 0;
  let waited = false;

  /** @param {string} text */
  const rewrite = (text) => {
    const line = text.slice(0, Math.max(20, (stream.columns ?? 80) - 1));
    stream.write(`\r${line.padEnd(written)}`);
    written = line.length;
  };

  return {
    /** @param {ProgressEvent} progress */
    show: (progress) => {
      const { phase, loaded, total, missing = 0, rate } = progress;
      const { elsewhere, retryIn } = progress;
      const waits = elsewhere || retryIn !== undefined;
      const text = `${name}: ${progressText(progress)}`;
      if (phase !== "loading") {
        if (live && written > 0) rewrite(text);
        return;
      }
      // Stored models need no progress: ONNX Runtime comes from this machine.
      const downloads = missing > 0 || tenth >= 0;
      // The rate is 0 for a moment when the model follows ONNX Runtime.
      const arrives = rate > 0 || (live && written > 0);
      if (!waits && !(downloads && arrives)) return;
      if (live) rewrite(text);
      const now = total > 0 ? Math.floor((10 * loaded) / total) : 0;
      const news = now > tenth || (waits && !waited);
      waited = waits;
      if (!news) return;
      tenth = Math.max(tenth, now);
      if (!live) stream.write(`${text}\n`);
    },
    /** Clears the line. */
    end: () => {
      if (written === 0) return;
      rewrite("");
      stream.write("\r");
    },
  };
}
