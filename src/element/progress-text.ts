import { formatByteProgress, formatBytes } from "../shared/format-bytes";
import type { ProgressDetail } from "./events";
import { english, type Messages } from "./messages";

/** What the load is doing. */
export function phaseText(
  { phase, elsewhere }: ProgressDetail,
  messages: Messages = english,
): string {
  return elsewhere ? messages.elsewhere : messages.phases[phase];
}

/** `12.3 of 45.6 MB · 27 % · 5.1 MB/s · 7 s left`, as far as it is known. */
export function amountText(
  progress: ProgressDetail,
  messages: Messages = english,
): string {
  const { phase, loaded, total, rate, left } = progress;
  if (phase !== "loading" || total === 0) return "";
  const { lang } = messages;
  const amount = messages.amount(...formatByteProgress(loaded, total, lang));
  const percent = Math.min(100, Math.floor((100 * loaded) / total));
  const parts = [amount, `${percent} %`];
  if (rate > 0) parts.push(`${formatBytes(rate, lang)}/s`);
  if (left !== undefined) parts.push(messages.left(durationText(left)));
  return parts.join(" · ");
}

/** Rounds up, so that loads do not take longer than shown. */
function durationText(seconds: number): string {
  if (seconds <= 59) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
