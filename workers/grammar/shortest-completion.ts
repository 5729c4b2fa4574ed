import type { Node } from "./ast";
import type { ParserState } from "./parser-state";
import { afterByte, DEAD } from "./utf8";

export type Shortest = (node: Node) => readonly number[] | undefined;

/** What a node takes at least; undefined where it never ends. */
export function shortestOf(): Shortest {
  const known = new Map<Node, readonly number[]>();
  /** Nodes that are being looked at: within themselves they never end. */
  const open = new Set<Node>();
  const of = (node: Node): readonly number[] | undefined => {
    const before = known.get(node);
    if (before !== undefined || open.has(node)) return before;
    open.add(node);
    const found = find(node);
    open.delete(node);
    if (found !== undefined) known.set(node, found);
    return found;
  };
  const find = (node: Node): readonly number[] | undefined => {
    switch (node.kind) {
      case "bytes":
        return node.bytes;
      case "blank":
        return [];
      case "text":
        return Array<number>(node.least).fill(0x20);
      case "number":
        return numberFrom("", node);
      case "lazy":
        return of(node.node());
      case "sequence": {
        const way: number[] = [];
        for (const each of node.nodes) {
          const part = of(each);
          if (part === undefined) return undefined;
          way.push(...part);
        }
        return way;
      }
      case "choice": {
        let best: readonly number[] | undefined;
        for (const each of node.nodes) {
          const way = of(each);
          if (way && (best === undefined || way.length < best.length))
            best = way;
          // Lists may go on without end; there is nothing shorter than nothing.
          if (best?.length === 0) break;
        }
        return best;
      }
    }
  };
  return of;
}

/** The quickest way to an end from here. */
export function shortestCompletion(
  position: ParserState,
  shortest: Shortest,
): number[] | undefined {
  const { node, count, utf8, escaped, text } = position;
  const way: number[] = [];
  if (node.kind === "bytes") way.push(...node.bytes.slice(count));
  if (node.kind === "number") {
    const rest = numberFrom(text, node);
    if (rest === undefined) return undefined;
    way.push(...rest);
  }
  if (node.kind === "text") {
    if (escaped) way.push(0x6e);
    for (let state = utf8; state !== 0;) {
      const byte = [0x80, 0x90, 0xa0].find(
        (each) => afterByte(state, each) !== DEAD,
      );
      if (byte === undefined) return undefined;
      way.push(byte);
      state = afterByte(state, byte);
    }
    way.push(...Array<number>(Math.max(0, node.least - count)).fill(0x20));
  }
  for (let rest = position.then; rest !== undefined; rest = rest.then) {
    const bytes = shortest(rest.node);
    if (bytes === undefined) return undefined;
    way.push(...bytes);
  }
  return way;
}

/** Digits that make a number of what has come. */
function numberFrom(
  text: string,
  { reader }: Extract<Node, { kind: "number" }>,
): number[] | undefined {
  let now = text;
  const way: number[] = [];
  while (!reader.is(now)) {
    const next = [..."0123456789.-"].find((sign) =>
      reader.mayBecome(now + sign),
    );
    if (next === undefined) return undefined;
    now += next;
    way.push(next.charCodeAt(0));
  }
  return way;
}
