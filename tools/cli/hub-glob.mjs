// @ts-check
/** `*` and `?` stay within a folder, `**` does not. @param {string} glob */
export function globPattern(glob) {
  const source = glob.replace(/\*\*\/?|[*?]|[.+^${}()|[\]\\]/g, (part) => {
    if (part === "**/") return "(?:.*/)?";
    if (part === "**") return ".*";
    if (part === "*") return "[^/]*";
    return part === "?" ? "[^/]" : `\\${part}`;
  });
  return new RegExp(glob.includes("/") ? `^${source}$` : `(?:^|/)${source}$`);
}
