import {
  complement,
  subtract,
  LAST_CODE_POINT,
  union,
  WORD_CHARACTERS,
  type CharacterRanges,
} from "./code-points";
import type { CharacterNode } from "./regex-syntax";

const LAST_CODE_UNIT = 0xffff;
/** What `\d`, `\w` and `\s` match without flag i. */
const ESCAPES: Readonly<Record<string, CharacterRanges>> = {
  d: [[0x30, 0x39]],
  w: WORD_CHARACTERS,
  s: [
    [0x09, 0x0d],
    [0x20, 0x20],
    [0xa0, 0xa0],
    [0x1680, 0x1680],
    [0x2000, 0x200a],
    [0x2028, 0x2029],
    [0x202f, 0x202f],
    [0x205f, 0x205f],
    [0x3000, 0x3000],
    [0xfeff, 0xfeff],
  ],
};

/**
 * The code points that match a character or class of a pattern; without flag u or
 * v, its UTF-16 code units.
 */
export class CharacterClasses {
  /** By flags and source. */
  readonly #known = new Map<string, CharacterRanges>();
  /** The characters of each plane, once they are needed. */
  readonly #planes = new Map<number, string>();
  /** The characters that have a case, by plane. */
  #cased: readonly string[] | undefined;

  ranges(node: CharacterNode, flags: string): CharacterRanges {
    const key = `${flags}/${node.raw}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const ranges = this.#ranges(node, flags);
    this.#known.set(key, ranges);
    return ranges;
  }

  #ranges(node: CharacterNode, flags: string): CharacterRanges {
    const base = this.#withoutCase(node, flags.replace("i", ""));
    if (!flags.includes("i")) return base;
    // Only characters that have a case match differently with flag i. They are in
    // planes 0 and 1.
    this.#cased ??= [0, 1].map((plane) =>
      (this.#plane(plane).match(/\p{Changes_When_Casemapped}/gu) ?? []).join(
        "",
      ),
    );
    const planes = isUnicode(flags) ? this.#cased : this.#cased.slice(0, 1);
    const cased = union(...planes.map(codePointsOf));
    return union(subtract(base, cased), matches(node.raw, flags, planes));
  }

  #withoutCase(node: CharacterNode, flags: string): CharacterRanges {
    const last = isUnicode(flags) ? LAST_CODE_POINT : LAST_CODE_UNIT;
    switch (node.type) {
      case "value":
        return [[node.codePoint, node.codePoint]];
      case "characterClassRange":
        return [[node.min.codePoint, node.max.codePoint]];
      case "dot": {
        const ends = [10, 13, 0x2028, 0x2029].map((c) => [c, c] as const);
        return complement(flags.includes("s") ? [] : ends, last);
      }
      case "characterClassEscape": {
        const positive = node.value.toLowerCase();
        const ranges = ESCAPES[positive] ?? [];
        return node.value === positive ? ranges : complement(ranges, last);
      }
      case "unicodePropertyEscape":
        return matches(node.raw, flags, this.#allPlanes());
      case "characterClass": {
        if (flags.includes("v")) {
          return matches(node.raw, flags, this.#allPlanes());
        }
        const members = union(
          ...node.body.map((member) => this.#withoutCase(member, flags)),
        );
        return node.negative ? complement(members, last) : members;
      }
    }
  }

  #allPlanes(): string[] {
    return Array.from({ length: 17 }, (_, plane) => this.#plane(plane));
  }

  #plane(plane: number): string {
    const text = this.#planes.get(plane) ?? charactersOf(plane);
    this.#planes.set(plane, text);
    return text;
  }
}

export function isUnicode(flags: string): boolean {
  return /[uv]/.test(flags);
}

/** The characters of the texts that match a class, as the browser evaluates it. */
function matches(
  source: string,
  flags: string,
  texts: readonly string[],
): CharacterRanges {
  const pattern = new RegExp(`(?:${source})+`, `g${flags}`);
  const runs = texts.flatMap((text) =>
    Array.from(text.matchAll(pattern), ([run]) => run),
  );
  if (!flags.includes("v")) return union(runs.flatMap(codePointsOf));
  // With flag v, a class may also match several characters as one.
  const single = new RegExp(`^(?:${source})$`, flags);
  return union(
    runs.flatMap((run) =>
      codePointsOf([...run].filter((char) => single.test(char)).join("")),
    ),
  );
}

function codePointsOf(text: string): [number, number][] {
  const ranges: [number, number][] = [];
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    const last = ranges.at(-1);
    if (last?.[1] === code - 1) last[1] = code;
    else ranges.push([code, code]);
  }
  return ranges;
}

function charactersOf(plane: number): string {
  let text = "";
  for (let block = 0; block < 16; block++) {
    const first = 0x10000 * plane + 0x1000 * block;
    const codes = Array.from({ length: 0x1000 }, (_, at) => first + at);
    text += String.fromCodePoint(
      ...codes.filter((code) => code < 0xd800 || code > 0xdfff),
    );
  }
  return text;
}
