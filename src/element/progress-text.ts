import {
  formatByteProgress,
  formatBytes,
  formatDuration,
} from "../shared/format";
import type { LoadProgress } from "../shared/protocol";
import { english } from "./texts";

/** What the load is doing. */
export function phaseText(
  { phase, elsewhere, retryIn }: LoadProgress,
  texts = english,
): string {
  if (retryIn !== undefined) return texts.rateLimited(formatDuration(retryIn));
  return elsewhere ? texts.elsewhere : texts.phases[phase];
}

/** The part of the phase that is done, from 0 to 1; undefined if unknown. */
export function progressPart({
  phase,
  loaded,
  total,
  done = 0,
  steps = 0,
}: LoadProgress): number | undefined {
  const [part, whole] = phase === "loading" ? [loaded, total] : [done, steps];
  return whole > 0 ? Math.min(1, part / whole) : undefined;
}

/** `12.3 of 45.6 MB · 27 % · 5.1 MB/s · 7 s left`, as far as it is known; in later
 * phases, the percentage only. */
export function amountText(progress: LoadProgress, texts = english): string {
  const part = progressPart(progress);
  if (part === undefined) return "";
  const percent = `${Math.floor(100 * part)} %`;
  const { phase, loaded, total, rate, left } = progress;
  if (phase !== "loading") return percent;
  const { lang } = texts;
  const amount = texts.amount(...formatByteProgress(loaded, total, lang));
  const parts = [amount, percent];
  if (rate > 0) parts.push(`${formatBytes(rate, lang)}/s`);
  if (left !== undefined) parts.push(texts.left(formatDuration(left)));
  return parts.join(" · ");
}

/** The amount, or what the load is doing while nothing arrives. */
export function progressText(progress: LoadProgress, texts = english): string {
  const amount = amountText(progress, texts);
  const waits = progress.elsewhere || progress.retryIn !== undefined;
  if (amount && progress.phase === "loading" && !waits) return amount;
  return `${phaseText(progress, texts)} ${amount}`.trim();
}
