/** `2.1 kB`, `11.4 MB`, `505 MB`, `1.12 GB`, with decimal prefixes. */
export function formatBytes(bytes: number, lang = "en"): string {
  if (bytes >= 1e9) return format(bytes / 1e9, 2, lang, "gigabyte");
  if (bytes >= 1e8) return format(bytes / 1e6, 0, lang, "megabyte");
  if (bytes >= 1e6) return format(bytes / 1e6, 1, lang, "megabyte");
  if (bytes >= 1e3) return format(bytes / 1e3, 1, lang, "kilobyte");
  return `${bytes} B`;
}

/** `12.3` and `45.6 MB`: both in the unit of the whole. */
export function formatByteProgress(
  part: number,
  whole: number,
  lang = "en",
): [part: string, whole: string] {
  const [factor, digits, unit] =
    whole >= 1e9
      ? ([1e9, 2, "gigabyte"] as const)
      : ([1e6, 1, "megabyte"] as const);
  return [
    format(part / factor, digits, lang),
    format(whole / factor, digits, lang, unit),
  ];
}

/** `7 s`, `5 min`, `1 h 20 min`: rounded up, so that nothing takes longer than
 * shown. */
export function formatDuration(seconds: number): string {
  if (seconds <= 59) return `${Math.max(1, Math.ceil(seconds))} s`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function format(
  value: number,
  digits: number,
  lang: string,
  unit?: "kilobyte" | "megabyte" | "gigabyte",
): string {
  return new Intl.NumberFormat(lang, {
    ...(unit !== undefined && { style: "unit", unit }),
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    useGrouping: false,
  }).format(value);
}
