import { formatByteProgress, formatBytes, formatDuration } from "./format";
import type { LoadProgress } from "./protocol";

/** Texts about a load in one language. */
export interface ProgressTexts {
  /** BCP 47 tag, such as `en` or `pt-BR`. */
  readonly lang: string;
  readonly phases: Readonly<Record<LoadProgress["phase"], string>>;
  /** Shown while another tab downloads the model. */
  readonly elsewhere: string;
  /** Both are formatted numbers, the second with a unit: `1.2`, `3.4 MB`. */
  readonly amount: (part: string, whole: string) => string;
  /** Remaining time; `time` has a unit: `3 s`. */
  readonly left: (time: string) => string;
}

export const englishProgress: ProgressTexts = {
  lang: "en",
  phases: {
    loading: "Loading model…",
    preparing: "Preparing model…",
    warming: "Warming up model…",
  },
  elsewhere: "Another tab is downloading the model…",
  amount: (part, whole) => `${part} of ${whole}`,
  left: (time) => `${time} left`,
};

/** What the load is doing. */
export function phaseText(
  { phase, elsewhere }: LoadProgress,
  texts = englishProgress,
): string {
  return elsewhere ? texts.elsewhere : texts.phases[phase];
}

/** `12.3 of 45.6 MB · 27 % · 5.1 MB/s · 7 s left`, as far as it is known; empty
 * unless files are being loaded. */
export function amountText(
  { phase, loaded, total, rate, left }: LoadProgress,
  texts = englishProgress,
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
