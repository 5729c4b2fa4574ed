import type { NumberMatcher } from "./number-matcher";

/** The syntax tree of a grammar over bytes. */
export type GrammarNode =
  | { readonly kind: "bytes"; readonly bytes: readonly number[] }
  /** Optional JSON whitespace. */
  | { readonly kind: "whitespace" }
  /** `min` to `max` characters of a JSON string, without its quotes. */
  | { readonly kind: "text"; readonly min: number; readonly max: number }
  | { readonly kind: "number"; readonly matcher: NumberMatcher }
  | { readonly kind: "sequence"; readonly nodes: readonly GrammarNode[] }
  | { readonly kind: "choice"; readonly nodes: readonly GrammarNode[] }
  | { readonly kind: "lazy"; readonly node: () => GrammarNode };

const encoder = new TextEncoder();

export function literal(text: string): GrammarNode {
  return { kind: "bytes", bytes: [...encoder.encode(text)] };
}

export function sequenceOf(...nodes: GrammarNode[]): GrammarNode {
  return { kind: "sequence", nodes };
}

/** Creates the node at its first use, and only once: parser states are compared by
 * the identity of their nodes. */
export function lazyNode(create: () => GrammarNode): GrammarNode {
  let node: GrammarNode | undefined;
  return { kind: "lazy", node: () => (node ??= create()) };
}

export function choiceOf(nodes: readonly GrammarNode[]): GrammarNode {
  const [only] = nodes;
  return only !== undefined && nodes.length === 1
    ? only
    : { kind: "choice", nodes };
}

export const emptyNode = sequenceOf();
export const whitespaceNode: GrammarNode = { kind: "whitespace" };
export const commaNode = sequenceOf(
  whitespaceNode,
  literal(","),
  whitespaceNode,
);

/** A JSON array of `min` to `max` of these items, in order, each at most once. */
export function orderedSubset(
  all: readonly GrammarNode[],
  min: number,
  max: number,
): GrammarNode {
  const from = (at: number, count: number): GrammarNode => {
    const item = all[at];
    if (item === undefined || count === max) {
      return count < min ? choiceOf([]) : emptyNode;
    }
    const rest = lazyNode(() => from(at + 1, count + 1));
    const withItem = sequenceOf(...(count > 0 ? [commaNode] : []), item, rest);
    const remaining = all.length - at - 1;
    return count + remaining < min
      ? withItem
      : choiceOf([lazyNode(() => from(at + 1, count)), withItem]);
  };
  return bracketed("[", from(0, 0), "]");
}

/** `min` to `max` items separated by commas; with `leadingComma`, one before the
 * first item as well. */
export function repeat(
  item: GrammarNode,
  min: number,
  max: number,
  leadingComma = false,
): GrammarNode {
  if (max <= 0) return emptyNode;
  const more = (count: number): GrammarNode =>
    lazyNode(() => repeat(item, Math.max(0, min - 1), count, true));
  const some = sequenceOf(
    ...(leadingComma ? [commaNode] : []),
    item,
    more(max - 1),
  );
  return min > 0 ? some : choiceOf([emptyNode, some]);
}

/** All required pairs and any of the optional ones, in this order. */
export function propertyList(
  pairs: readonly { readonly pair: GrammarNode; readonly required: boolean }[],
): GrammarNode {
  // The rest of the list, built from its end: `after` follows another pair and
  // begins with a comma, `first` begins the list.
  let after: GrammarNode = emptyNode;
  let first: GrammarNode = emptyNode;
  for (const { pair, required } of pairs.toReversed()) {
    const next = sequenceOf(commaNode, pair, after);
    first = required
      ? sequenceOf(pair, after)
      : choiceOf([sequenceOf(pair, after), first]);
    after = required ? next : choiceOf([next, after]);
  }
  return first;
}

export function quoted(text: GrammarNode): GrammarNode {
  return sequenceOf(literal('"'), text, literal('"'));
}

/** Brackets with optional whitespace inside. */
export function bracketed(
  open: string,
  inside: GrammarNode,
  close: string,
): GrammarNode {
  return sequenceOf(
    literal(open),
    whitespaceNode,
    inside,
    whitespaceNode,
    literal(close),
  );
}
