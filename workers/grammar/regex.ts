import { parse, type RootNode } from "regjsparser";
import type { Constraint } from "../../src/shared/protocol";
import { classOf, type Chars } from "./regex-class";
import { unsupportedConstraint } from "./errors";

type Regex = Extract<Constraint, { type: "regex" }>;

const FEATURES = {
  namedGroups: true,
  lookbehind: true,
  unicodePropertyEscape: true,
} as const;
type Node = RootNode<typeof FEATURES>;

/** Parts of the largest pattern, repetitions written out. */
const LARGEST = 20_000;

/** A piece of the pattern, and how many parts the library will make of it. */
interface Piece {
  readonly text: string;
  readonly size: number;
  /** A class of characters: what a star of it may be, too. */
  readonly wide?: string;
}

/** Whether nothing of the pattern comes before, or after. */
interface Ends {
  readonly first: boolean;
  readonly last: boolean;
}

const nothing: Piece = { text: "(?:)", size: 1 };

/**
 * The library's own, smaller language, for a pattern of JavaScript that has to
 * match the whole text. It may allow less than the pattern, never more.
 */
export function translate({ source, flags }: Regex): string {
  if (flags.includes("v"))
    throw unsupportedConstraint("The flag v is not supported.");
  let root: Node;
  try {
    root = parse(source, flags.replace(/[dgy]/g, ""), FEATURES);
  } catch (error) {
    throw unsupportedConstraint(`/${source}/${flags}: ${String(error)}`, error);
  }
  return `(?:${pieceOf(root, { first: true, last: true }, flags).text})`;
}

function pieceOf(node: Node, ends: Ends, flags: string): Piece {
  switch (node.type) {
    case "disjunction":
      return joined(
        node.body.map((part) => pieceOf(part, ends, flags)),
        "|",
      );
    case "alternative":
      return sequence(node.body, ends, flags);
    case "group":
      return group(node, ends, flags);
    case "quantifier":
      return repeated(node, flags);
    case "anchor":
      if (node.kind === "start" && ends.first) return nothing;
      if (node.kind === "end" && ends.last) return nothing;
      throw unsupported(node, "An anchor inside the pattern");
    case "value":
      return chars(classOf({ members: [node] }, flags));
    case "dot":
      return chars(classOf({ members: [], dot: true }, flags));
    case "characterClass":
      return chars(
        classOf({ members: node.body, negative: node.negative }, flags),
      );
    case "characterClassEscape":
      return chars(classOf({ members: [node] }, flags));
    case "unicodePropertyEscape":
      throw unsupported(node, "A Unicode property");
    case "reference":
      throw unsupported(node, "A reference to a group");
  }
}

function sequence(
  parts: readonly Node[],
  { first, last }: Ends,
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
  return pieces.length === 0 ? nothing : joined(pieces, "");
}

function group(
  node: Extract<Node, { type: "group" }>,
  ends: Ends,
  flags: string,
): Piece {
  if (node.behavior !== "normal" && node.behavior !== "ignore") {
    throw unsupported(node, "Looking ahead or behind");
  }
  const piece = sequence(node.body, ends, flags);
  return { ...piece, text: `(?:${piece.text})` };
}

/** Which of several matches is tried first does not matter: lazy is greedy. */
function repeated(
  { body: [body], min, max }: Extract<Node, { type: "quantifier" }>,
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
  if (size <= LARGEST) return { text, size };
  throw unsupportedConstraint("The regular expression is too large.");
}

function chars({ narrow, wide, size }: Chars): Piece {
  return { text: narrow, wide, size };
}

function unsupported({ raw }: { raw: string }, what: string) {
  return unsupportedConstraint(`${what} (${raw}) is not supported.`);
}
