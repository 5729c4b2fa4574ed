import type { Machine } from "./machine";
import { checkSchema } from "./normalise-schema";
import type { Node } from "./ast";
import {
  isSame,
  joining,
  mayEnd,
  stepped,
  type Join,
  type ParserState,
  type Rest,
} from "./parser-state";
import { unsupportedConstraint } from "./errors";
import { Values } from "./values";
import {
  shortestOf,
  shortestCompletion,
  type Shortest,
} from "./shortest-completion";

/** All positions where the answer may stand. */
interface State {
  readonly positions: readonly ParserState[];
  readonly ended: boolean;
}

/** More than a schema that anyone means has. */
const MOST_POSITIONS = 4096;

/**
 * Answers in JSON that a schema allows; every beginning that it takes can be gone
 * on with to an end. Throws where the schema is none, has what is not supported,
 * or allows nothing.
 */
export function schemaMachine(schema: unknown): Machine<State> {
  checkSchema(schema);
  return nodeMachine(new Values(schema).of(schema));
}

function nodeMachine(root: Node): Machine<State> {
  const shortest = shortestOf();
  if (shortest(root) === undefined)
    throw unsupportedConstraint("nothing can meet it.");
  const join = joining();
  const initial = stateOf([join(root, undefined)], shortest, join);
  const numberOf = numbering();
  return {
    initial,
    step(state, byte) {
      const next: (Rest | ParserState)[] = [];
      for (const position of state.positions) {
        const after = stepped(position, byte);
        if (after !== undefined) next.push(after);
      }
      return next.length === 0 ? undefined : stateOf(next, shortest, join);
    },
    key: ({ positions, ended }) =>
      positions.map((each) => keyOf(each, numberOf)).join() + String(ended),
    ignores: (state, byte) =>
      [0x20, 0x09, 0x0a, 0x0d].includes(byte) &&
      (state === initial ||
        state.positions.some(({ node }) => node.kind === "blank")),
    accepting: ({ ended }) => ended,
    freely,
    wayOut: (state) => wayOut(state, shortest),
  };
}

/** The same thing is the same number again. */
function numbering(): (one: object | undefined) => number {
  const numbers = new Map<object, number>();
  return (one) => {
    if (one === undefined) return 0;
    const number = numbers.get(one) ?? numbers.size + 1;
    numbers.set(one, number);
    return number;
  };
}

function keyOf(
  { node, then, count, utf8, escaped, text }: ParserState,
  numberOf: (one: object | undefined) => number,
): string {
  // In a text without an end only its least length counts.
  const open = node.kind === "text" && node.most === Infinity;
  const come = open ? Math.min(count, node.least) : count;
  const inside = `${come} ${utf8} ${escaped} ${text}`;
  return `${numberOf(node)} ${numberOf(then)} ${inside}`;
}

function freely({ positions }: State): number {
  const [position] = positions;
  if (position?.node.kind !== "text") return 0;
  // The other position, if any, is behind the text: it may end here.
  const only = positions.every(
    ({ node }, i) => i === 0 || node.kind === "bytes",
  );
  if (!only || position.utf8 !== 0 || position.escaped) return 0;
  return position.node.most - position.count;
}

function wayOut(
  { positions, ended }: State,
  shortest: Shortest,
): readonly number[] | undefined {
  if (ended) return [];
  let best: readonly number[] | undefined;
  for (const position of positions) {
    const way = shortestCompletion(position, shortest);
    if (way && (best === undefined || way.length < best.length)) best = way;
  }
  return best;
}

/** The positions that `heads` lead to without a byte more. */
function stateOf(
  heads: readonly (Rest | ParserState)[],
  shortest: Shortest,
  join: Join,
): State {
  const positions: ParserState[] = [];
  const met = new Map<Node, ParserState[]>();
  let ended = false;
  const open = (rest: Rest): void => {
    if (rest === undefined) {
      ended = true;
      return;
    }
    const { node, then } = rest;
    switch (node.kind) {
      case "sequence":
        open(node.nodes.reduceRight<Rest>((on, each) => join(each, on), then));
        break;
      case "choice":
        for (const each of node.nodes) {
          // What never ends is no choice.
          if (shortest(each) !== undefined) open(join(each, then));
        }
        break;
      case "lazy":
        open(join(node.node(), then));
        break;
      default:
        stand({ node, then, count: 0, utf8: 0, escaped: false, text: "" });
    }
  };
  const stand = (position: ParserState): void => {
    const alike = met.get(position.node) ?? [];
    // Reached in two ways it is one; else each blank might double them.
    if (alike.some((other) => isSame(position, other))) return;
    met.set(position.node, [...alike, position]);
    positions.push(position);
    if (positions.length > MOST_POSITIONS)
      throw unsupportedConstraint("it is too large.");
    if (mayEnd(position)) open(position.then);
  };
  for (const head of heads) {
    if (head !== undefined && "count" in head) stand(head);
    else open(head);
  }
  // An end that was gone through stands for nothing.
  const left = positions.filter(
    ({ node, count }) => node.kind !== "bytes" || count < node.bytes.length,
  );
  return { positions: left, ended };
}
