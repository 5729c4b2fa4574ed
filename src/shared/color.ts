/** Red, green and blue, from 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];

const names: Readonly<Record<string, string>> = {
  white: "#ffffff",
  black: "#000000",
};

/** Parses `white`, `black`, `#rgb` or `#rrggbb`; undefined for any other text. */
export function parseColor(text: string): Rgb | undefined {
  const hex = Object.hasOwn(names, text) ? names[text] : text;
  const digits = /^#(?:[0-9a-f]{3}|[0-9a-f]{6})$/i
    .exec(hex ?? "")?.[0]
    .slice(1);
  if (!digits) return undefined;
  const long = digits.length === 3 ? digits.replace(/./g, "$&$&") : digits;
  const value = Number.parseInt(long, 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}
