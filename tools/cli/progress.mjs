// @ts-check
/** Prints download progress to stderr. */
import { formatBytes, formatDuration } from "./units.mjs";

/** @typedef {import("../../src/shared/protocol.ts").LoadProgress} ProgressEvent */

/** @param {Pick<ProgressEvent, "loaded" | "total" | "rate" | "left" | "elsewhere">} progress */
export function progressText({ loaded, total, rate, left, elsewhere }) {
  const share = total > 0 ? Math.floor((100 * loaded) / total) : 0;
  const parts = [
    total > 0
      ? `${share} %, ${formatBytes(loaded)} of ${formatBytes(total)}`
      : formatBytes(loaded),
    ...(rate > 0 ? [`${formatBytes(rate)}/s`] : []),
    ...(left === undefined || left === 0
      ? []
      : [`${formatDuration(left)} left`]),
    ...(elsewhere ? ["another page is downloading it"] : []),
  ];
  return parts.join(", ");
}

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
      const { phase, loaded, total, rate, elsewhere } = progress;
      if (phase === "loading") {
        // Stored models need no progress.
        if (rate === 0 && !elsewhere && tenth < 0) return;
        const text = `${name}: ${progressText(progress)}`;
        if (live) rewrite(text);
        const now = total > 0 ? Math.floor((10 * loaded) / total) : 0;
        const news = now > tenth || (elsewhere && !waited);
        waited = elsewhere;
        if (!news) return;
        tenth = Math.max(tenth, now);
        if (!live) stream.write(`${text}\n`);
      } else if (live && written > 0) {
        const what = phase === "warming" ? "warming up" : "preparing";
        rewrite(`${name}: ${what} …`);
      }
    },
    /** Clears the line. */
    end: () => {
      if (written === 0) return;
      rewrite("");
      stream.write("\r");
    },
  };
}
