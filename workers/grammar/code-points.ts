import { byteRange, byteSet } from "./byte-set";
import type { Expression, Expressions } from "./expression";

/** Sorted, disjoint ranges of code points or UTF-16 code units, bounds included. */
export type CharacterRanges = readonly (readonly [
  first: number,
  last: number,
])[];

export const LAST_CODE_POINT = 0x10ffff;
const SURROGATES: CharacterRanges = [[0xd800, 0xdfff]];
/** What `\w` matches without flag i. */
export const WORD_CHARACTERS: CharacterRanges = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
/** Characters that a JSON string contains only as escape sequences. */
const ESCAPED: CharacterRanges = [
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
];
const SHORT_ESCAPES: Readonly<Record<number, string>> = {
  0x08: "b",
  0x09: "t",
  0x0a: "n",
  0x0c: "f",
  0x0d: "r",
  0x22: '"',
  0x5c: "\\",
};

export function union(...all: CharacterRanges[]): CharacterRanges {
  const sorted = all.flat().sort(([a], [b]) => a - b);
  const merged: [number, number][] = [];
  for (const [first, last] of sorted) {
    const before = merged.at(-1);
    if (before !== undefined && first <= before[1] + 1) {
      before[1] = Math.max(before[1], last);
    } else merged.push([first, last]);
  }
  return merged;
}

/** The numbers from 0 to `last` that are not in the ranges. */
export function complement(
  ranges: CharacterRanges,
  last: number,
): CharacterRanges {
  const gaps: [number, number][] = [];
  let next = 0;
  for (const [first, end] of ranges) {
    if (first > next) gaps.push([next, Math.min(first - 1, last)]);
    next = end + 1;
  }
  if (next <= last) gaps.push([next, last]);
  return gaps;
}

export function intersection(
  a: CharacterRanges,
  b: CharacterRanges,
): CharacterRanges {
  const last = LAST_CODE_POINT;
  return complement(union(complement(a, last), complement(b, last)), last);
}

export function subtract(
  a: CharacterRanges,
  b: CharacterRanges,
): CharacterRanges {
  return intersection(a, complement(b, LAST_CODE_POINT));
}

/** How the characters of a text are written. */
export type Encoding = (
  expressions: Expressions,
  ranges: CharacterRanges,
) => Expression;

/** Smallest code point, first byte and number of further bytes of each form. */
const UTF8_FORMS = [
  [0, 0x00, 0],
  [0x80, 0xc0, 1],
  [0x800, 0xe0, 2],
  [0x10000, 0xf0, 3],
] as const;

/** One of the characters in UTF-8. Surrogates are not characters. */
export const utf8: Encoding = (expressions, ranges) => {
  const characters = subtract(ranges, SURROGATES);
  return expressions.choice(
    UTF8_FORMS.map(([smallest, lead, more], i) => {
      const last = (UTF8_FORMS[i + 1]?.[0] ?? LAST_CODE_POINT + 1) - 1;
      const part = intersection(characters, [[smallest, last]]);
      return utf8Bytes(expressions, part, lead, more);
    }),
  );
};

/** A first byte of at least `lead` and `more` further bytes with 6 bits each. */
function utf8Bytes(
  expressions: Expressions,
  ranges: CharacterRanges,
  lead: number,
  more: number,
): Expression {
  const span = 64 ** more;
  const continuation = expressions.byte(byteRange(0x80, 0xbf));
  // Ranges of the further bytes, by first byte.
  const groups = new Map<number, [number, number][]>();
  for (const [first, last] of ranges) {
    for (let at = first; at <= last;) {
      const block = Math.floor(at / span);
      const end = Math.min(last, (block + 1) * span - 1);
      const rest: [number, number] = [at % span, end % span];
      const group = groups.get(block);
      if (group) group.push(rest);
      else groups.set(block, [rest]);
      at = end + 1;
    }
  }
  const byRest = new Map<Expression, number[]>();
  for (const [block, rest] of groups) {
    const [[first, last] = [1, 0]] = rest;
    const after =
      first === 0 && last === span - 1
        ? expressions.sequence(Array<Expression>(more).fill(continuation))
        : utf8Bytes(expressions, rest, 0x80, more - 1);
    byRest.set(after, [...(byRest.get(after) ?? []), lead + block]);
  }
  return expressions.choice(
    [...byRest].map(([rest, bytes]) =>
      expressions.sequence([expressions.byte(byteSet(bytes)), rest]),
    ),
  );
}

/** One of the characters as it is written in a JSON string. */
export const jsonString: Encoding = (expressions, ranges) => {
  const escapes: string[] = [];
  for (const [first, last] of intersection(ranges, ESCAPED)) {
    for (let code = first; code <= last; code++) {
      const short = SHORT_ESCAPES[code];
      const hex = code.toString(16).padStart(4, "0");
      escapes.push(short === undefined ? `\\u${hex}` : `\\${short}`);
    }
  }
  return expressions.choice([
    utf8(expressions, subtract(ranges, ESCAPED)),
    expressions.literals(escapes),
  ]);
};

/** Any character of a JSON string; each may be an escape sequence. */
export function jsonCharacter(expressions: Expressions): Expression {
  const hex = expressions.byte(byteSet(codes("0123456789abcdefABCDEF")));
  const unicode = (first: Expression, digits: number): Expression =>
    expressions.sequence([
      expressions.literal("u"),
      first,
      ...Array<Expression>(digits).fill(hex),
    ]);
  const oneOf = (chars: string): Expression =>
    expressions.byte(byteSet(codes(chars)));
  const surrogate = (second: string): Expression =>
    unicode(expressions.sequence([oneOf("dD"), oneOf(second)]), 2);
  return expressions.choice([
    utf8(expressions, complement(ESCAPED, LAST_CODE_POINT)),
    expressions.sequence([
      expressions.literal("\\"),
      expressions.choice([
        oneOf('"\\/bfnrt'),
        unicode(oneOf("0123456789abcefABCEF"), 3),
        surrogate("01234567"),
        expressions.sequence([
          surrogate("89abAB"),
          expressions.literal("\\"),
          surrogate("cdefCDEF"),
        ]),
      ]),
    ]),
  ]);
}

function codes(chars: string): number[] {
  return [...chars].map((char) => char.charCodeAt(0));
}
