import type { VlmError } from "../../src/shared/errors";
import { CharacterClasses, isUnicode } from "./character-class";
import {
  complement,
  intersection,
  LAST_CODE_POINT,
  union,
  WORD_CHARACTERS,
  type Encoding,
  type CharacterRanges,
} from "./code-points";
import { shorten, unsupportedConstraint } from "./errors";
import type { Expression, Expressions } from "./expression";
import {
  parseRegex,
  type CharacterNode,
  type RegexNode,
  type RegexNodeOf,
} from "./regex-syntax";

/** The character before a position, as far as assertions need it. */
type Before = "start" | "word" | "other" | "unknown";

/** Repetitions with assertions inside are written out up to this count. */
const MAX_UNROLLED = 16;
const FIRST_SURROGATE = 0xd800;
const HIGH: CharacterRanges = [[0xd800, 0xdbff]];
const LOW: CharacterRanges = [[0xdc00, 0xdfff]];
const LINE_ENDS: CharacterRanges = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
/** The characters of a class. */
interface Encoded {
  readonly single: Expression;
  /** Characters whose two code units both match. */
  readonly pair: Expression;
}

/** Compiles JavaScript patterns. `encoding` says how characters are written. */
export class RegexCompiler {
  readonly #expressions: Expressions;
  readonly #encoding: Encoding;
  readonly #classes = new CharacterClasses();
  /** The expressions of classes, by their ranges. */
  readonly #encoded = new WeakMap<CharacterRanges, Encoded>();
  readonly #word: Expression;
  readonly #other: Expression;
  /** Any text. */
  readonly #text: Expression;
  readonly #lineEnd: Expression;

  constructor(expressions: Expressions, encoding: Encoding) {
    this.#expressions = expressions;
    this.#encoding = encoding;
    const other = complement(WORD_CHARACTERS, LAST_CODE_POINT);
    this.#word = encoding(expressions, WORD_CHARACTERS);
    this.#other = encoding(expressions, other);
    this.#lineEnd = encoding(expressions, LINE_ENDS);
    const any = encoding(expressions, [[0, LAST_CODE_POINT]]);
    this.#text = expressions.repeat(any, 0, Infinity);
  }

  /** The texts that the pattern matches from their beginning to their end. */
  whole(source: string, flags: string): Expression {
    const root = parseRegex(source, flags);
    return this.#compile(root, flags, this.#expressions.epsilon, "start");
  }

  /** The texts in which the pattern matches somewhere. */
  search(source: string, flags: string): Expression {
    const root = parseRegex(source, flags);
    const expressions = this.#expressions;
    const from = (before: Before): Expression =>
      this.#compile(root, flags, this.#text, before);
    const [first, word, other] = [from("start"), from("word"), from("other")];
    if (first === word && first === other)
      return expressions.sequence([this.#text, first]);
    return expressions.choice([
      first,
      expressions.sequence([this.#text, this.#word, word]),
      expressions.sequence([this.#text, this.#other, other]),
    ]);
  }

  /** The node and then `rest`. */
  #compile(
    node: RegexNode,
    flags: string,
    rest: Expression,
    before: Before,
  ): Expression {
    const expressions = this.#expressions;
    if (!hasAssertion(node))
      return expressions.sequence([this.#plain(node, flags), rest]);
    switch (node.type) {
      case "disjunction":
        return expressions.choice(
          node.body.map((each) => this.#compile(each, flags, rest, before)),
        );
      case "alternative":
        return this.#alternative(node.body, flags, rest, before);
      case "group":
        return this.#group(node, flags, rest, before);
      case "quantifier":
        return this.#unrolled(node, flags, rest, before);
      case "anchor":
        return this.#anchor(node, flags, rest, before);
      default:
        throw unsupported(node, "this expression");
    }
  }

  /** Each rest of the nodes is compiled once for each character before it. */
  #alternative(
    nodes: readonly RegexNode[],
    flags: string,
    rest: Expression,
    before: Before,
  ): Expression {
    const known = new Map<string, Expression>();
    const lastAssertion = nodes.findLastIndex(hasAssertion);
    const from = (at: number, state: Before): Expression => {
      const key = `${at} ${state}`;
      const compiled = known.get(key) ?? compile(at, state);
      known.set(key, compiled);
      return compiled;
    };
    const compile = (at: number, state: Before): Expression => {
      const node = nodes[at];
      if (node === undefined) return rest;
      if (at >= lastAssertion) {
        const others = this.#plainList(nodes.slice(at + 1), flags);
        const end = [...others, rest];
        return this.#compile(
          node,
          flags,
          this.#expressions.sequence(end),
          state,
        );
      }
      const next = (after: Before): Expression => from(at + 1, after);
      if (!hasAssertion(node))
        return this.#split(this.#plain(node, flags), next, state);
      const isZeroWidth = node.type === "anchor" || isLookahead(node);
      const after = next(isZeroWidth ? state : "unknown");
      return this.#compile(node, flags, after, state);
    };
    return from(0, before);
  }

  /** `first`, and then what depends on its last character. */
  #split(
    first: Expression,
    next: (before: Before) => Expression,
    before: Before,
  ): Expression {
    const expressions = this.#expressions;
    if (first === this.#expressions.epsilon) return next(before);
    const [word, other] = [next("word"), next("other")];
    const endsWith = (last: Expression): Expression =>
      expressions.all([first, expressions.sequence([this.#text, last])]);
    const longer =
      word === other && !first.nullable
        ? expressions.sequence([first, word])
        : expressions.choice([
            expressions.sequence([endsWith(this.#word), word]),
            expressions.sequence([endsWith(this.#other), other]),
          ]);
    return first.nullable ? expressions.choice([next(before), longer]) : longer;
  }

  #group(
    node: RegexNodeOf<"group">,
    flags: string,
    rest: Expression,
    before: Before,
  ): Expression {
    const expressions = this.#expressions;
    const body = (after: Expression): Expression =>
      this.#alternative(node.body, flagsIn(node, flags), after, before);
    switch (node.behavior) {
      case "lookahead":
        return expressions.all([rest, body(this.#text)]);
      case "negativeLookahead":
        return expressions.all([rest, expressions.not(body(this.#text))]);
      case "lookbehind":
      case "negativeLookbehind":
        throw unsupported(node, "a lookbehind assertion");
      default:
        return body(rest);
    }
  }

  #unrolled(
    node: RegexNodeOf<"quantifier">,
    flags: string,
    rest: Expression,
    before: Before,
  ): Expression {
    const { body, min, max = Infinity } = node;
    if (max > MAX_UNROLLED)
      throw unsupported(node, "an assertion inside a repetition");
    const from = (count: number, state: Before): Expression => {
      if (count === max) return rest;
      const more = this.#compile(
        body[0],
        flags,
        from(count + 1, "unknown"),
        state,
      );
      return count < min ? more : this.#expressions.choice([rest, more]);
    };
    return from(0, before);
  }

  #anchor(
    node: RegexNodeOf<"anchor">,
    flags: string,
    rest: Expression,
    before: Before,
  ): Expression {
    const expressions = this.#expressions;
    const starts = (first: Expression): Expression =>
      expressions.all([rest, expressions.sequence([first, this.#text])]);
    if (node.kind === "end") {
      const end = rest.nullable ? expressions.epsilon : expressions.empty;
      if (!flags.includes("m")) return end;
      return expressions.choice([end, starts(this.#lineEnd)]);
    }
    if (before === "unknown")
      throw unsupported(node, "an anchor after an assertion");
    if (node.kind === "start") {
      if (before === "start") return rest;
      if (flags.includes("m"))
        throw unsupported(node, "a line start inside the pattern");
      return expressions.empty;
    }
    const after = before === "word" ? "other" : "word";
    const isOther = (after === "other") === (node.kind === "boundary");
    if (!isOther) return starts(this.#word);
    const end = rest.nullable ? expressions.epsilon : expressions.empty;
    return expressions.choice([end, starts(this.#other)]);
  }

  /** A node without assertions. */
  #plain(node: RegexNode, flags: string): Expression {
    const expressions = this.#expressions;
    switch (node.type) {
      case "disjunction":
        return expressions.choice(
          node.body.map((each) => this.#plain(each, flags)),
        );
      case "alternative":
        return expressions.sequence(this.#plainList(node.body, flags));
      case "group":
        return expressions.sequence(
          this.#plainList(node.body, flagsIn(node, flags)),
        );
      case "quantifier":
        return this.#repeated(node, flags);
      case "reference":
        throw unsupported(node, "a backreference");
      case "anchor":
        throw unsupported(node, "an anchor");
      default:
        return this.#characters(node, flags).single;
    }
  }

  /** Without flag u, two nodes may match the two halves of one character. */
  #plainList(nodes: readonly RegexNode[], flags: string): Expression[] {
    const expressions = this.#expressions;
    const parts: Expression[] = [];
    for (let i = 0; i < nodes.length; i++) {
      const [node, next] = nodes.slice(i, i + 2);
      if (node === undefined) break;
      const part = this.#plain(node, flags);
      const pair = next && this.#pairOf(node, next, flags);
      if (
        next === undefined ||
        pair === undefined ||
        pair === expressions.empty
      ) {
        parts.push(part);
        continue;
      }
      parts.push(
        expressions.choice([
          pair,
          expressions.sequence([part, this.#plain(next, flags)]),
        ]),
      );
      i += 1;
    }
    return parts;
  }

  #pairOf(
    first: RegexNode,
    second: RegexNode,
    flags: string,
  ): Expression | undefined {
    // `\u{1f600}+` without flag u repeats only the second half.
    const isOnce =
      second.type === "quantifier" &&
      second.min <= 1 &&
      (second.max === undefined || second.max > 0);
    const half = isOnce ? second.body[0] : second;
    if (isUnicode(flags) || !isCharacter(first) || !isCharacter(half))
      return undefined;
    const high = this.#classes.ranges(first, flags);
    const low = this.#classes.ranges(half, flags);
    return this.#pairs(high, low);
  }

  #repeated(node: RegexNodeOf<"quantifier">, flags: string): Expression {
    const { body, min, max = Infinity } = node;
    const [part] = body;
    if (!isCharacter(part)) {
      return this.#expressions.repeat(this.#plain(part, flags), min, max);
    }
    const { single, pair } = this.#characters(part, flags);
    return this.#expressions.repeat(single, min, max, pair);
  }

  #characters(node: CharacterNode, flags: string): Encoded {
    const ranges = this.#classes.ranges(node, flags);
    const known = this.#encoded.get(ranges);
    if (known !== undefined) return known;
    const encoded = {
      single: this.#encoding(this.#expressions, ranges),
      pair: isUnicode(flags)
        ? this.#expressions.empty
        : this.#pairs(ranges, ranges),
    };
    this.#encoded.set(ranges, encoded);
    return encoded;
  }

  #pairs(high: CharacterRanges, low: CharacterRanges): Expression {
    const isPossible = [high, low].every((ranges) =>
      ranges.some(([, last]) => last >= FIRST_SURROGATE),
    );
    return isPossible
      ? this.#encoding(this.#expressions, pairs(high, low))
      : this.#expressions.empty;
  }
}

/** The characters with one of these first code units and one of these second ones. */
function pairs(
  first: CharacterRanges,
  second: CharacterRanges,
): CharacterRanges {
  const low = intersection(second, LOW);
  if (low.length === 0) return [];
  const found: [number, number][] = [];
  for (const [from, to] of intersection(first, HIGH)) {
    for (let high = from; high <= to; high++) {
      const start = 0x10000 + (high - 0xd800) * 0x400 - 0xdc00;
      for (const [a, b] of low) found.push([start + a, start + b]);
    }
  }
  return union(found);
}

function isCharacter(
  node: RegexNode,
): node is Exclude<CharacterNode, { type: "characterClassRange" }> {
  return [
    "value",
    "dot",
    "characterClass",
    "characterClassEscape",
    "unicodePropertyEscape",
  ].includes(node.type);
}

function isLookahead(node: RegexNode): boolean {
  return (
    node.type === "group" &&
    (node.behavior === "lookahead" || node.behavior === "negativeLookahead")
  );
}

function hasAssertion(node: RegexNode): boolean {
  switch (node.type) {
    case "anchor":
      return true;
    case "group":
      return (
        (node.behavior !== "normal" && node.behavior !== "ignore") ||
        node.body.some(hasAssertion)
      );
    case "disjunction":
    case "alternative":
    case "quantifier":
      return node.body.some(hasAssertion);
    default:
      return false;
  }
}

function flagsIn(node: RegexNodeOf<"group">, flags: string): string {
  if (node.behavior !== "ignore" || node.modifierFlags === undefined)
    return flags;
  const { enabling, disabling } = node.modifierFlags;
  const kept = [...flags].filter(
    (flag) => !enabling.includes(flag) && !disabling.includes(flag),
  );
  return kept.join("") + enabling;
}

function unsupported({ raw }: { raw: string }, what: string): VlmError {
  return unsupportedConstraint(`${what} (${shorten(raw)}) is not supported.`);
}
