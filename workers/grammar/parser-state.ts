import type { Node } from "./ast";
import { afterByte, DEAD } from "./utf8";

/** What is still to come, the next first. */
export type Rest = { readonly node: Node; readonly then: Rest } | undefined;

/** Puts a node before a rest; the same two are the same rest again. */
export type Join = (node: Node, then: Rest) => NonNullable<Rest>;

export function joining(): Join {
  const last = {};
  const known = new WeakMap<object, WeakMap<Node, NonNullable<Rest>>>();
  return (node, then) => {
    const before = known.get(then ?? last) ?? new WeakMap();
    known.set(then ?? last, before);
    const rest = before.get(node) ?? { node, then };
    before.set(node, rest);
    return rest;
  };
}

/** Inside of a node, and what comes after it. */
export interface ParserState {
  readonly node: Extract<Node, { kind: "bytes" | "blank" | "text" | "number" }>;
  readonly then: Rest;
  /** Bytes, blanks or characters that have come. */
  readonly count: number;
  /** Of a text: within a character, or after `\`. */
  readonly utf8: number;
  readonly escaped: boolean;
  /** Of a number, what has come. */
  readonly text: string;
}

/** Of a line: enough to indent what is nested. */
const MOST_BLANKS = 16;
const ESCAPES = new Set(new TextEncoder().encode('"\\/bfnrt'));

export function isSame(a: ParserState, b: ParserState): boolean {
  return (
    a.node === b.node &&
    a.then === b.then &&
    a.count === b.count &&
    a.utf8 === b.utf8 &&
    a.escaped === b.escaped &&
    a.text === b.text
  );
}

/** Whether what comes after the node may come now. */
export function mayEnd({
  node,
  count,
  utf8,
  escaped,
  text,
}: ParserState): boolean {
  switch (node.kind) {
    case "bytes":
      return count === node.bytes.length;
    case "blank":
      return true;
    case "text":
      return count >= node.least && utf8 === 0 && !escaped;
    case "number":
      return node.reader.is(text);
  }
}

/** After one byte more; undefined where it leads nowhere. */
export function stepped(
  position: ParserState,
  byte: number,
): ParserState | undefined {
  const { node, count, utf8, escaped, text } = position;
  switch (node.kind) {
    case "bytes":
      return node.bytes[count] === byte
        ? { ...position, count: count + 1 }
        : undefined;
    case "blank": {
      // A space, or a line and what indents it.
      if (count === 0) {
        if (byte === 0x20) return { ...position, count: MOST_BLANKS };
        return byte === 0x0a ? { ...position, count: 1 } : undefined;
      }
      const indents = byte === 0x20 || byte === 0x09;
      return indents && count < MOST_BLANKS
        ? { ...position, count: count + 1 }
        : undefined;
    }
    case "number": {
      const more = text + String.fromCharCode(byte);
      return node.reader.mayBecome(more)
        ? { ...position, text: more }
        : undefined;
    }
    case "text": {
      const another = utf8 === 0 && !escaped;
      if (another && count >= node.most) return undefined;
      if (escaped) {
        return ESCAPES.has(byte) ? { ...position, escaped: false } : undefined;
      }
      if (byte < 0x20 || byte === 0x22) return undefined;
      const next = afterByte(utf8, byte);
      if (next === DEAD) return undefined;
      const come = another ? count + 1 : count;
      const escapes = byte === 0x5c;
      return { ...position, count: come, utf8: next, escaped: escapes };
    }
  }
}
