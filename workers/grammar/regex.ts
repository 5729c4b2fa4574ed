import type { Constraint } from "../../src/shared/protocol";
import { unsupportedConstraint } from "./errors";
import { parse, type RootNode, type CharacterClassBody } from "regjsparser";

type Regex = Extract<Constraint, { type: "regex" }>;

const FEATURES = {
  namedGroups: true,
  lookbehind: true,
  unicodePropertyEscape: true,
} as const;
type RegexNode = RootNode<typeof FEATURES>;

/** Largest pattern, in parts with repetitions expanded. */
const MAX_SIZE = 20_000;

/** A translated piece of the pattern, and its number of parts once expanded. */
interface Piece {
  readonly text: string;
  readonly size: number;
  /** The text to repeat under `*`, for a character class. */
  readonly wide?: string;
}

/** Whether the piece starts or ends the pattern, where anchors are allowed. */
interface Anchors {
  readonly first: boolean;
  readonly last: boolean;
}

const empty: Piece = { text: "(?:)", size: 1 };

/**
 * Translates a JavaScript pattern, which has to match the whole answer, to the
 * smaller dialect of the library. The translation may match less, never more.
 */
export function translateRegex({ source, flags }: Regex): string {
  if (flags.includes("v"))
    throw unsupportedConstraint(
      "flag v of the regular expression is not supported.",
    );
  let root: RegexNode;
  try {
    root = parse(source, flags.replace(/[dgy]/g, ""), FEATURES);
  } catch (error) {
    throw unsupportedConstraint(
      `/${source}/${flags} is not a valid regular expression: ${String(error)}`,
      error,
    );
  }
  return `(?:${pieceOf(root, { first: true, last: true }, flags).text})`;
}

function pieceOf(node: RegexNode, ends: Anchors, flags: string): Piece {
  switch (node.type) {
    case "disjunction":
      return joined(
        node.body.map((part) => pieceOf(part, ends, flags)),
        "|",
      );
    case "alternative":
      return alternative(node.body, ends, flags);
    case "group":
      return group(node, ends, flags);
    case "quantifier":
      return repeated(node, flags);
    case "anchor":
      if (node.kind === "start" && ends.first) return empty;
      if (node.kind === "end" && ends.last) return empty;
      throw unsupported(node, "an anchor inside the pattern");
    case "value":
      return chars(charClass({ members: [node] }, flags));
    case "dot":
      return chars(charClass({ members: [], dot: true }, flags));
    case "characterClass":
      return chars(
        charClass({ members: node.body, negative: node.negative }, flags),
      );
    case "characterClassEscape":
      return chars(charClass({ members: [node] }, flags));
    case "unicodePropertyEscape":
      throw unsupported(node, "a Unicode property");
    case "reference":
      throw unsupported(node, "a backreference");
  }
}

function alternative(
  parts: readonly RegexNode[],
  { first, last }: Anchors,
  flags: string,
): Piece {
  const pieces = parts.map((part, i) => {
    const before = parts.slice(0, i).every(({ type }) => type === "anchor");
    const after = parts.slice(i + 1).every(({ type }) => type === "anchor");
    return pieceOf(
      part,
      { first: first && before, last: last && after },
      flags,
    );
  });
  return pieces.length === 0 ? empty : joined(pieces, "");
}

function group(
  node: Extract<RegexNode, { type: "group" }>,
  ends: Anchors,
  flags: string,
): Piece {
  if (node.behavior !== "normal" && node.behavior !== "ignore") {
    throw unsupported(node, "a lookaround assertion");
  }
  const piece = alternative(node.body, ends, flags);
  return { ...piece, text: `(?:${piece.text})` };
}

/** Lazy and greedy quantifiers are equal, since the whole text has to match. */
function repeated(
  { body: [body], min, max }: Extract<RegexNode, { type: "quantifier" }>,
  flags: string,
): Piece {
  const inside = pieceOf(body, { first: false, last: false }, flags);
  const once = `(?:${inside.text})`;
  if (max !== undefined) {
    return sized(`(?:${once}{${min},${max}})`, inside.size * max);
  }
  const rest = `(?:${inside.wide ?? inside.text})*`;
  const least = min > 0 ? `${once}{${min}}` : "";
  return sized(`(?:${least}${rest})`, inside.size * (min + 1));
}

function joined(pieces: readonly Piece[], separator: string): Piece {
  const [only] = pieces;
  if (only !== undefined && pieces.length === 1) return only;
  const text = pieces.map((piece) => piece.text).join(separator);
  return sized(
    text,
    pieces.reduce((sum, { size }) => sum + size, 0),
  );
}

function sized(text: string, size: number): Piece {
  if (size <= MAX_SIZE) return { text, size };
  throw unsupportedConstraint(
    "the regular expression is too large; use smaller repetition counts.",
  );
}

function chars({ narrow, wide, size }: CharClass): Piece {
  return { text: narrow, wide, size };
}

function unsupported({ raw }: { raw: string }, what: string) {
  return unsupportedConstraint(`${what} (${raw}) is not supported.`);
}

/** A character class in the library's dialect, which works on bytes. */
export interface CharClass {
  /** Matches one character. */
  readonly narrow: string;
  /** Matches bytes; any number of them forms characters of the class. */
  readonly wide: string;
  readonly size: number;
}

interface ClassSource {
  readonly members: readonly CharacterClassBody[];
  readonly negative?: boolean;
  /** Any character except line terminators. */
  readonly dot?: boolean;
}

/** Most characters beyond ASCII that are listed. */
const MAX_NON_ASCII = 1024;
const ASCII = 128;
/** Any byte of a character beyond ASCII. */
const BEYOND = "[^\\x00-\\x7f]";

const SHORTHANDS: Readonly<Record<string, RegExp>> = {
  d: /\d/,
  w: /\w/,
  s: /\s/,
};

/**
 * A negated class matches no characters beyond ASCII where characters are counted,
 * since each is several bytes; under `*` it matches all of them.
 */
export function charClass(
  { members, negative = false, dot = false }: ClassSource,
  flags: string,
): CharClass {
  const ascii = new Set<number>();
  const beyond = new Set<number>();
  let complete = true;
  for (const member of members) {
    complete = add(member, ascii, beyond) && complete;
  }
  if (flags.includes("i"))
    for (const code of [...ascii]) addOtherCase(code, ascii);
  if (!negative && !dot) {
    const narrow = alternatives(byteClass(ascii), [...beyond]);
    const size = 1 + 4 * beyond.size;
    return { narrow, wide: narrow, size };
  }
  const excluded = dot && !flags.includes("s") ? [10, 13] : [...ascii];
  const allAscii = Array.from({ length: ASCII }, (_, code) => code);
  const narrow = alternatives(
    byteClass(new Set(allAscii.filter((code) => !excluded.includes(code)))),
    [],
  );
  const matchesNonAscii = complete && beyond.size === 0;
  const wide = matchesNonAscii ? `(?:${narrow}|${BEYOND})` : narrow;
  return { narrow, wide, size: 2 };
}

/** Adds a member. Returns false if only its ASCII characters were added. */
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
      if (max.codePoint - Math.max(min.codePoint, ASCII) > MAX_NON_ASCII) {
        throw unsupportedConstraint(
          `range ${member.raw} is too large; at most ${MAX_NON_ASCII} characters beyond ASCII are supported.`,
        );
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
        `a Unicode property (${member.raw}) is not supported.`,
      );
  }
}

/** Adds the letter in the other case. */
function addOtherCase(code: number, ascii: Set<number>): void {
  const letter = String.fromCharCode(code);
  for (const other of [letter.toLowerCase(), letter.toUpperCase()]) {
    ascii.add(other.charCodeAt(0));
  }
}

function byteClass(codes: ReadonlySet<number>): string | undefined {
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
  // The library would treat a surrogate pair as two characters.
  if (
    beyond.some((code) => code >= 0xd800 && !(code > 0xdfff && code <= 0xffff))
  ) {
    throw unsupportedConstraint(
      "characters beyond U+FFFF are not supported in a regular expression.",
    );
  }
  const all = beyond.map((code) => String.fromCodePoint(code));
  if (ascii !== undefined) all.unshift(ascii);
  if (all.length > 0) return `(?:${all.join("|")})`;
  throw unsupportedConstraint(
    "a character class is empty, so no text can match.",
  );
}
