import type { GrammarNode } from "./ast";
import type { ByteAutomaton } from "./automaton";
import { unsupportedConstraint } from "./errors";
import { checkSchema } from "./normalise-schema";
import {
  sameParserState,
  continuationCache,
  canEnd,
  advanced,
  type ContinuationCache,
  type ParserState,
  type Continuation,
} from "./parser-state";
import { SchemaCompiler } from "./schema-compiler";
import {
  shortestBytes,
  shortestCompletion,
  type ShortestBytes,
} from "./shortest-completion";

/** All parser states that the bytes so far may lead to. */
interface SchemaState {
  readonly states: readonly ParserState[];
  readonly ended: boolean;
}

/** Limit against exponential growth. */
const MAX_PARSER_STATES = 4096;

/**
 * Accepts the JSON texts that a schema allows; every accepted beginning can be
 * completed. Throws if the schema is invalid, unsupported or unsatisfiable.
 */
export function schemaAutomaton(schema: unknown): ByteAutomaton<SchemaState> {
  checkSchema(schema);
  return nodeAutomaton(new SchemaCompiler(schema).compile(schema));
}

function nodeAutomaton(root: GrammarNode): ByteAutomaton<SchemaState> {
  const shortest = shortestBytes();
  if (shortest(root) === undefined)
    throw unsupportedConstraint("no text satisfies it.");
  const join = continuationCache();
  const initial = expand([join(root, undefined)], shortest, join);
  const numberOf = identityNumbers();
  return {
    initial,
    next({ states }, byte) {
      const next: ParserState[] = [];
      for (const state of states) {
        const after = advanced(state, byte);
        if (after !== undefined) next.push(after);
      }
      return next.length === 0 ? undefined : expand(next, shortest, join);
    },
    key: ({ states, ended }) =>
      states.map((each) => keyOf(each, numberOf)).join() + String(ended),
    ignores: (state, byte) =>
      [0x20, 0x09, 0x0a, 0x0d].includes(byte) &&
      (state === initial ||
        state.states.some(({ node }) => node.kind === "whitespace")),
    accepting: ({ ended }) => ended,
    freeTextLength,
    shortestCompletion: (state) => completionOf(state, shortest),
  };
}

/** Numbers objects by identity. */
function identityNumbers(): (value: object | undefined) => number {
  const numbers = new Map<object, number>();
  return (value) => {
    if (value === undefined) return 0;
    const number = numbers.get(value) ?? numbers.size + 1;
    numbers.set(value, number);
    return number;
  };
}

function keyOf(
  { node, then, count, utf8, escaped, text }: ParserState,
  numberOf: (value: object | undefined) => number,
): string {
  // In a string without maxLength, only the distance to minLength matters.
  const open = node.kind === "text" && node.max === Infinity;
  const read = open ? Math.min(count, node.min) : count;
  const inside = `${read} ${utf8} ${escaped} ${text}`;
  return `${numberOf(node)} ${numberOf(then)} ${inside}`;
}

function freeTextLength({ states }: SchemaState): number {
  const [state] = states;
  if (state?.node.kind !== "text") return 0;
  // Other states, if any, are at the closing quote, where the string may end.
  const onlyText = states.every(
    ({ node }, i) => i === 0 || node.kind === "bytes",
  );
  if (!onlyText || state.utf8 !== 0 || state.escaped) return 0;
  return state.node.max - state.count;
}

function completionOf(
  { states, ended }: SchemaState,
  shortest: ShortestBytes,
): readonly number[] | undefined {
  if (ended) return [];
  let best: readonly number[] | undefined;
  for (const state of states) {
    const bytes = shortestCompletion(state, shortest);
    if (bytes && (best === undefined || bytes.length < best.length)) {
      best = bytes;
    }
  }
  return best;
}

/** Expands continuations to parser states at terminal nodes. */
function expand(
  heads: readonly (Continuation | ParserState)[],
  shortest: ShortestBytes,
  join: ContinuationCache,
): SchemaState {
  const states: ParserState[] = [];
  const byNode = new Map<GrammarNode, ParserState[]>();
  let ended = false;
  const open = (rest: Continuation): void => {
    if (rest === undefined) {
      ended = true;
      return;
    }
    const { node, then } = rest;
    switch (node.kind) {
      case "sequence":
        open(
          node.nodes.reduceRight<Continuation>(
            (on, each) => join(each, on),
            then,
          ),
        );
        break;
      case "choice":
        for (const each of node.nodes) {
          // An alternative with endless recursion cannot be completed.
          if (shortest(each) !== undefined) open(join(each, then));
        }
        break;
      case "lazy":
        open(join(node.node(), then));
        break;
      default:
        addState({ node, then, count: 0, utf8: 0, escaped: false, text: "" });
    }
  };
  const addState = (state: ParserState): void => {
    const others = byNode.get(state.node) ?? [];
    // Equal states are merged; otherwise each whitespace could double them.
    if (others.some((other) => sameParserState(state, other))) return;
    byNode.set(state.node, [...others, state]);
    states.push(state);
    if (states.length > MAX_PARSER_STATES)
      throw unsupportedConstraint(
        `it is too ambiguous (more than ${MAX_PARSER_STATES} parser states); simplify anyOf.`,
      );
    if (canEnd(state)) open(state.then);
  };
  for (const head of heads) {
    if (head !== undefined && "count" in head) addState(head);
    else open(head);
  }
  // Completed literals are represented by their continuation.
  const incomplete = states.filter(
    ({ node, count }) => node.kind !== "bytes" || count < node.bytes.length,
  );
  return { states: incomplete, ended };
}
