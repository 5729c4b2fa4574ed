/** `2.1 kB`, `505 MB`, `1.12 GB`: as precise as anybody needs. */
export function bytesText(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  if (bytes >= 1e8) return `${(bytes / 1e6).toFixed(0)} MB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  if (bytes >= 1e3) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${bytes} B`;
}

/** `12.3 of 45.6 MB`: both in the unit of the whole. */
export function ofBytes(part: number, whole: number): string {
  const [unit, name, digits] =
    whole >= 1e9 ? ([1e9, "GB", 2] as const) : ([1e6, "MB", 1] as const);
  const text = (bytes: number): string => (bytes / unit).toFixed(digits);
  return `${text(part)} of ${text(whole)} ${name}`;
}
