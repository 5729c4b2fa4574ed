/** `2.1 kB`, `505 MB`, `1.12 GB`: as precise as anybody needs. */
export function formatBytes(bytes: number, lang = "en"): string {
  if (bytes >= 1e9) return `${fixed(bytes / 1e9, 2, lang)} GB`;
  if (bytes >= 1e8) return `${fixed(bytes / 1e6, 0, lang)} MB`;
  if (bytes >= 1e6) return `${fixed(bytes / 1e6, 1, lang)} MB`;
  if (bytes >= 1e3) return `${fixed(bytes / 1e3, 1, lang)} kB`;
  return `${bytes} B`;
}

/** `12.3`, `45.6 MB`: both in the unit of the whole. */
export function formatByteProgress(
  part: number,
  whole: number,
  lang = "en",
): [part: string, whole: string] {
  const [unit, name, digits] =
    whole >= 1e9 ? ([1e9, "GB", 2] as const) : ([1e6, "MB", 1] as const);
  const text = (bytes: number): string => fixed(bytes / unit, digits, lang);
  return [text(part), `${text(whole)} ${name}`];
}

function fixed(value: number, digits: number, lang: string): string {
  return value.toLocaleString(lang, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    useGrouping: false,
  });
}
