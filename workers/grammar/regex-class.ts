import type { CharacterClassBody } from "regjsparser";
import { unsupportedConstraint } from "./errors";

/** A class of characters in the library's language, which knows bytes. */
export interface Chars {
  /** One character. */
  readonly narrow: string;
  /** Bytes of which any number stands for characters of the class. */
  readonly wide: string;
  readonly size: number;
}

interface Class {
  readonly members: readonly CharacterClassBody[];
  readonly negative?: boolean;
  /** Everything but the ends of lines. */
  readonly dot?: boolean;
}

/** The most characters beyond ASCII that are written out. */
const MOST = 1024;
const ASCII = 128;
/** Every byte of a character beyond ASCII. */
const BEYOND = "[^\\x00-\\x7f]";

const SHORTHANDS: Readonly<Record<string, RegExp>> = {
  d: /\d/,
  w: /\w/,
  s: /\s/,
};

/**
 * Classes that leave characters out have, of those beyond ASCII, none where they
 * are counted, since each is several bytes; where any number may come, all.
 */
export function classOf(
  { members, negative = false, dot = false }: Class,
  flags: string,
): Chars {
  const ascii = new Set<number>();
  const beyond = new Set<number>();
  let whole = true;
  for (const member of members) {
    whole = add(member, ascii, beyond) && whole;
  }
  if (flags.includes("i")) for (const code of [...ascii]) addOther(code, ascii);
  if (!negative && !dot) {
    const narrow = alternatives(written(ascii), [...beyond]);
    const size = 1 + 4 * beyond.size;
    return { narrow, wide: narrow, size };
  }
  const left = dot && !flags.includes("s") ? [10, 13] : [...ascii];
  const kept = Array.from({ length: ASCII }, (_, code) => code);
  const narrow = alternatives(
    written(new Set(kept.filter((code) => !left.includes(code)))),
    [],
  );
  const all = whole && beyond.size === 0;
  const wide = all ? `(?:${narrow}|${BEYOND})` : narrow;
  return { narrow, wide, size: 2 };
}

/** Whether all of it could be added; if not, none of it is beyond ASCII. */
function add(
  member: CharacterClassBody,
  ascii: Set<number>,
  beyond: Set<number>,
): boolean {
  switch (member.type) {
    case "value":
      (member.codePoint < ASCII ? ascii : beyond).add(member.codePoint);
      return true;
    case "characterClassRange": {
      const { min, max } = member;
      if (max.codePoint - Math.max(min.codePoint, ASCII) > MOST) {
        throw unsupportedConstraint(`The range ${member.raw} is too large.`);
      }
      for (let code = min.codePoint; code <= max.codePoint; code++) {
        (code < ASCII ? ascii : beyond).add(code);
      }
      return true;
    }
    case "characterClassEscape": {
      const wanted = member.value === member.value.toLowerCase();
      const shorthand = SHORTHANDS[member.value.toLowerCase()];
      for (let code = 0; code < ASCII; code++) {
        const is = shorthand?.test(String.fromCharCode(code)) ?? false;
        if (is === wanted) ascii.add(code);
      }
      return member.value === "d" || member.value === "w";
    }
    case "unicodePropertyEscape":
      throw unsupportedConstraint(
        `A Unicode property (${member.raw}) is not supported.`,
      );
  }
}

/** The same letter, large or small. */
function addOther(code: number, ascii: Set<number>): void {
  const letter = String.fromCharCode(code);
  for (const other of [letter.toLowerCase(), letter.toUpperCase()]) {
    ascii.add(other.charCodeAt(0));
  }
}

function written(codes: ReadonlySet<number>): string | undefined {
  if (codes.size === 0) return undefined;
  const hex = [...codes]
    .sort((a, b) => a - b)
    .map((code) => `\\x${code.toString(16).padStart(2, "0")}`);
  return `[${hex.join("")}]`;
}

function alternatives(
  ascii: string | undefined,
  beyond: readonly number[],
): string {
  // Of what is two units of UTF-16 the library would make two characters.
  if (
    beyond.some((code) => code >= 0xd800 && !(code > 0xdfff && code <= 0xffff))
  ) {
    throw unsupportedConstraint("Characters beyond U+FFFF are not supported.");
  }
  const all = beyond.map((code) => String.fromCodePoint(code));
  if (ascii !== undefined) all.unshift(ascii);
  if (all.length > 0) return `(?:${all.join("|")})`;
  throw unsupportedConstraint("A class without characters matches nothing.");
}
