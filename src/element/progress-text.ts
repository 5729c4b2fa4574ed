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

/** `12.3 of 45.6 MB · 27 % · 5.1 MB/s · 7 s left`, as far as it is known; empty
 * unless files are being loaded. */
export function amountText(
  { phase, loaded, total, rate, left }: LoadProgress,
  texts = english,
): string {
  if (phase !== "loading" || total === 0) return "";
  const { lang } = texts;
  const amount = texts.amount(...formatByteProgress(loaded, total, lang));
  const percent = Math.min(100, Math.floor((100 * loaded) / total));
  const parts = [amount, `${percent} %`];
  if (rate > 0) parts.push(`${formatBytes(rate, lang)}/s`);
  if (left !== undefined) parts.push(texts.left(formatDuration(left)));
  return parts.join(" · ");
}

/** The amount, or what the load is doing while nothing arrives. */
export function progressText(progress: LoadProgress, texts = english): string {
  const amount = amountText(progress, texts);
  const waits = progress.elsewhere || progress.retryIn !== undefined;
  if (amount && !waits) return amount;
  return `${phaseText(progress, texts)} ${amount}`.trim();
}
