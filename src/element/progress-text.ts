import { formatBytes, formatByteProgress } from "../shared/format-bytes";
import type { ProgressDetail } from "./events";
import { english, type Messages } from "./messages";

/** What goes on, in a few words. */
export function phaseText(
  { phase, elsewhere }: ProgressDetail,
  words: Messages = english,
): string {
  return elsewhere ? words.elsewhere : words.phases[phase];
}

/** `12.3 of 45.6 MB · 27 % · 5.1 MB/s · 7 s left`, as far as it is known. */
export function amountText(
  progress: ProgressDetail,
  words: Messages = english,
): string {
  const { phase, loaded, total, rate, left } = progress;
  if (phase !== "loading" || total === 0) return "";
  const percent = Math.min(100, Math.floor((100 * loaded) / total));
  const amount = words.amount(...formatByteProgress(loaded, total, words.lang));
  const known = [amount, `${percent} %`];
  if (rate > 0) known.push(`${formatBytes(rate, words.lang)}/s`);
  if (left !== undefined) known.push(words.left(durationText(left)));
  return known.join(" · ");
}

/** Rounded up: nobody minds being early. */
function durationText(seconds: number): string {
  if (seconds <= 59) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
