import type { GrammarNode } from "./ast";
import type { ParserState } from "./parser-state";
import { nextUtf8State, INVALID_UTF8 } from "./utf8";

export type ShortestBytes = (
  node: GrammarNode,
) => readonly number[] | undefined;

/** Shortest bytes of a node, memoised; undefined for endless recursion. */
export function shortestBytes(): ShortestBytes {
  const known = new Map<GrammarNode, readonly number[]>();
  /** Nodes being visited: a node that contains itself has no shortest text here. */
  const open = new Set<GrammarNode>();
  const of = (node: GrammarNode): readonly number[] | undefined => {
    const before = known.get(node);
    if (before !== undefined || open.has(node)) return before;
    open.add(node);
    const found = find(node);
    open.delete(node);
    if (found !== undefined) known.set(node, found);
    return found;
  };
  const find = (node: GrammarNode): readonly number[] | undefined => {
    switch (node.kind) {
      case "bytes":
        return node.bytes;
      case "whitespace":
        return [];
      case "text":
        return Array<number>(node.min).fill(0x20);
      case "number":
        return numberFrom("", node);
      case "lazy":
        return of(node.node());
      case "sequence": {
        const bytes: number[] = [];
        for (const each of node.nodes) {
          const part = of(each);
          if (part === undefined) return undefined;
          bytes.push(...part);
        }
        return bytes;
      }
      case "choice": {
        let best: readonly number[] | undefined;
        for (const each of node.nodes) {
          const bytes = of(each);
          if (bytes && (best === undefined || bytes.length < best.length))
            best = bytes;
          // Lazy lists are endless: stop at the empty text.
          if (best?.length === 0) break;
        }
        return best;
      }
    }
  };
  return of;
}

/** Shortest bytes that complete the answer from a parser state. */
export function shortestCompletion(
  from: ParserState,
  shortest: ShortestBytes,
): number[] | undefined {
  const { node, count, utf8, escaped, text } = from;
  const bytes: number[] = [];
  if (node.kind === "bytes") bytes.push(...node.bytes.slice(count));
  if (node.kind === "number") {
    const rest = numberFrom(text, node);
    if (rest === undefined) return undefined;
    bytes.push(...rest);
  }
  if (node.kind === "text") {
    // Any escape may follow the backslash; `n` makes it a line break.
    if (escaped) bytes.push(0x6e);
    for (let state = utf8; state !== 0;) {
      const byte = [0x80, 0x90, 0xa0].find(
        (each) => nextUtf8State(state, each) !== INVALID_UTF8,
      );
      if (byte === undefined) return undefined;
      bytes.push(byte);
      state = nextUtf8State(state, byte);
    }
    bytes.push(...Array<number>(Math.max(0, node.min - count)).fill(0x20));
  }
  for (let rest = from.then; rest !== undefined; rest = rest.then) {
    const part = shortest(rest.node);
    if (part === undefined) return undefined;
    bytes.push(...part);
  }
  return bytes;
}

/** Shortest characters that complete a number. */
function numberFrom(
  text: string,
  { matcher }: Extract<GrammarNode, { kind: "number" }>,
): number[] | undefined {
  let number = text;
  const bytes: number[] = [];
  while (!matcher.matches(number)) {
    const next = [..."0123456789.-"].find((char) =>
      matcher.isPrefix(number + char),
    );
    if (next === undefined) return undefined;
    number += next;
    bytes.push(next.charCodeAt(0));
  }
  return bytes;
}
