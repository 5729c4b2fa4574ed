import type { GrammarNode } from "./ast";
import { nextUtf8State, INVALID_UTF8, type Utf8State } from "./utf8";

/** The nodes still to be parsed, next first. */
export type Continuation =
  { readonly node: GrammarNode; readonly then: Continuation } | undefined;

/** Prepends a node; equal arguments give the identical continuation. */
export type ContinuationCache = (
  node: GrammarNode,
  then: Continuation,
) => NonNullable<Continuation>;

export function continuationCache(): ContinuationCache {
  const last = {};
  const known = new WeakMap<
    object,
    WeakMap<GrammarNode, NonNullable<Continuation>>
  >();
  return (node, then) => {
    const before = known.get(then ?? last) ?? new WeakMap();
    known.set(then ?? last, before);
    const rest = before.get(node) ?? { node, then };
    before.set(node, rest);
    return rest;
  };
}

/** A state inside of a terminal node, and the nodes after it. */
export interface ParserState {
  readonly node: Extract<
    GrammarNode,
    { kind: "bytes" | "whitespace" | "text" | "number" }
  >;
  readonly then: Continuation;
  /** Bytes, whitespace or characters read in this node. */
  readonly count: number;
  /** In a string: state within a character. */
  readonly utf8: Utf8State;
  /** In a string: whether the last character was `\`. */
  readonly escaped: boolean;
  /** In a number: the characters read. */
  readonly text: string;
}

/** Most bytes of whitespace between two values or signs: a line break with its indentation.
 * A single space counts as this many, so that nothing follows it. */
const MAX_WHITESPACE = 16;
const ESCAPES = new Set(new TextEncoder().encode('"\\/bfnrt'));

export function sameParserState(a: ParserState, b: ParserState): boolean {
  return (
    a.node === b.node &&
    a.then === b.then &&
    a.count === b.count &&
    a.utf8 === b.utf8 &&
    a.escaped === b.escaped &&
    a.text === b.text
  );
}

/** Whether the node is complete, so that its continuation may follow. */
export function canEnd({
  node,
  count,
  utf8,
  escaped,
  text,
}: ParserState): boolean {
  switch (node.kind) {
    case "bytes":
      return count === node.bytes.length;
    case "whitespace":
      return true;
    case "text":
      return count >= node.min && utf8 === 0 && !escaped;
    case "number":
      return node.matcher.matches(text);
  }
}

/** The state after a byte; undefined if the node rejects it. */
export function advanced(
  state: ParserState,
  byte: number,
): ParserState | undefined {
  const { node, count, utf8, escaped, text } = state;
  switch (node.kind) {
    case "bytes":
      return node.bytes[count] === byte
        ? { ...state, count: count + 1 }
        : undefined;
    case "whitespace": {
      // One space, or a line break with its indentation.
      if (count === 0) {
        if (byte === 0x20) return { ...state, count: MAX_WHITESPACE };
        return byte === 0x0a ? { ...state, count: 1 } : undefined;
      }
      const indents = byte === 0x20 || byte === 0x09;
      return indents && count < MAX_WHITESPACE
        ? { ...state, count: count + 1 }
        : undefined;
    }
    case "number": {
      const more = text + String.fromCharCode(byte);
      return node.matcher.isPrefix(more) ? { ...state, text: more } : undefined;
    }
    case "text": {
      const startsCharacter = utf8 === 0 && !escaped;
      if (startsCharacter && count >= node.max) return undefined;
      if (escaped) {
        return ESCAPES.has(byte) ? { ...state, escaped: false } : undefined;
      }
      if (byte < 0x20 || byte === 0x22) return undefined;
      const next = nextUtf8State(utf8, byte);
      if (next === INVALID_UTF8) return undefined;
      const read = startsCharacter ? count + 1 : count;
      const escapes = byte === 0x5c;
      return { ...state, count: read, utf8: next, escaped: escapes };
    }
  }
}
