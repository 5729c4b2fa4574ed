/** `0.4 s`, with two decimals below a tenth of a second. */
export function secondsText(ms: number, lang: string): string {
  const digits = ms < 100 ? 2 : 1;
  return `${decimal(ms / 1000, digits, lang)}\u00a0s`;
}

/** `412 ms`, with one decimal below 10 ms. */
export function millisecondsText(ms: number, lang: string): string {
  return `${decimal(ms, ms < 10 ? 1 : 0, lang)} ms`;
}

export function decimal(value: number, digits: number, lang: string): string {
  return new Intl.NumberFormat(lang, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}
