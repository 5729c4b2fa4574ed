// @ts-check
/**
 * The part of a file that a Range header asks for (RFC 9110, section 14):
 * `undefined`: all of it, `"none"`: it lies outside of the file.
 * @param {string | undefined} header
 * @param {number} size
 * @returns {{ start: number, end: number } | "none" | undefined} `end` included
 */
export function readRange(header, size) {
  // Several ranges, and what is no range, may be answered with everything.
  const found = /^bytes=(\d*)-(\d*)$/.exec(header?.replaceAll(" ", "") ?? "");
  if (found === null) return undefined;
  const [, first = "", last = ""] = found;
  if (first === "") {
    if (last === "") return undefined;
    const length = Math.min(Number(last), size);
    return length === 0 ? "none" : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return undefined;
  if (start >= size) return "none";
  return {
    start,
    end: Math.min(last === "" ? Infinity : Number(last), size - 1),
  };
}
