import type { Machine } from "./machine";
import { checkSchema } from "./forms";
import { Values, type Node } from "./nodes";
import { refused } from "./refused";
import { afterByte, DEAD } from "./utf8";
import { shortestOf, wayFrom, type Shortest } from "./way-out";

/** What is still to come, the next first. */
type Rest = { readonly node: Node; readonly then: Rest } | undefined;

/** Inside of a node, and what comes after it. */
export interface Place {
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

/** All places where the answer may stand. */
interface Spot {
  readonly places: readonly Place[];
  readonly ended: boolean;
}

/** Of a line: enough to indent what is nested. */
const MOST_BLANKS = 16;
/** More than a schema that anyone means has. */
const MOST_PLACES = 4096;
const ESCAPES = new Set(new TextEncoder().encode('"\\/bfnrt'));

/**
 * Answers in JSON that a schema allows; every beginning that it takes can be gone
 * on with to an end. Throws where the schema is none, has what is not supported,
 * or allows nothing.
 */
export function schemaMachine(schema: unknown): Machine<Spot> {
  checkSchema(schema);
  return nodeMachine(new Values(schema).of(schema));
}

function nodeMachine(root: Node): Machine<Spot> {
  const shortest = shortestOf();
  if (shortest(root) === undefined) throw refused("nothing can meet it.");
  const initial = spotOf([{ node: root, then: undefined }], shortest);
  const numbers = new Map<object, number>();
  const numberOf = (one: object | undefined): number => {
    if (one === undefined) return 0;
    const number = numbers.get(one) ?? numbers.size + 1;
    numbers.set(one, number);
    return number;
  };
  return {
    initial,
    step(spot, byte) {
      const next: (Rest | Place)[] = [];
      for (const place of spot.places) {
        const after = stepped(place, byte);
        if (after !== undefined) next.push(after);
      }
      return next.length === 0 ? undefined : spotOf(next, shortest);
    },
    key: ({ places, ended }) =>
      places
        .map(({ node, then, count, utf8, escaped, text }) => {
          // In a text without an end only its least length counts.
          const open = node.kind === "text" && node.most === Infinity;
          const come = open ? Math.min(count, node.least) : count;
          const inside = `${come} ${utf8} ${escaped} ${text}`;
          return `${numberOf(node)} ${numberOf(then)} ${inside}`;
        })
        .join() + String(ended),
    ignores: (spot, byte) =>
      [0x20, 0x09, 0x0a, 0x0d].includes(byte) &&
      (spot === initial ||
        spot.places.some(({ node }) => node.kind === "blank")),
    accepting: ({ ended }) => ended,
    freely({ places }) {
      const [place] = places;
      if (place?.node.kind !== "text") return 0;
      // The other place, if any, is behind the text: it may end here.
      const only = places.every(
        ({ node }, i) => i === 0 || node.kind === "bytes",
      );
      if (!only || place.utf8 !== 0 || place.escaped) return 0;
      return place.node.most - place.count;
    },
    wayOut({ places, ended }) {
      if (ended) return [];
      let best: number[] | undefined;
      for (const place of places) {
        const way = wayFrom(place, shortest);
        if (way && (best === undefined || way.length < best.length)) best = way;
      }
      return best;
    },
  };
}

/** The places that `heads` lead to without a byte more. */
function spotOf(heads: readonly (Rest | Place)[], shortest: Shortest): Spot {
  const places: Place[] = [];
  let ended = false;
  const open = (rest: Rest): void => {
    if (rest === undefined) {
      ended = true;
      return;
    }
    const { node, then } = rest;
    switch (node.kind) {
      case "row":
        open(
          node.nodes.reduceRight<Rest>(
            (on, each) => ({ node: each, then: on }),
            then,
          ),
        );
        break;
      case "choice":
        for (const each of node.nodes) {
          // What never ends is no choice.
          if (shortest(each) !== undefined) open({ node: each, then });
        }
        break;
      case "later":
        open({ node: node.node(), then });
        break;
      default:
        stand({ node, then, count: 0, utf8: 0, escaped: false, text: "" });
    }
  };
  const stand = (place: Place): void => {
    places.push(place);
    if (places.length > MOST_PLACES) throw refused("it is too large.");
    if (mayEnd(place)) open(place.then);
  };
  for (const head of heads) {
    if (head !== undefined && "count" in head) stand(head);
    else open(head);
  }
  // An end that was gone through stands for nothing.
  const left = places.filter(
    ({ node, count }) => node.kind !== "bytes" || count < node.bytes.length,
  );
  return { places: left, ended };
}

function mayEnd({ node, count, utf8, escaped, text }: Place): boolean {
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

function stepped(place: Place, byte: number): Place | undefined {
  const { node, count, utf8, escaped, text } = place;
  switch (node.kind) {
    case "bytes":
      return node.bytes[count] === byte
        ? { ...place, count: count + 1 }
        : undefined;
    case "blank": {
      // A space, or a line and what indents it.
      if (count === 0) {
        if (byte === 0x20) return { ...place, count: MOST_BLANKS };
        return byte === 0x0a ? { ...place, count: 1 } : undefined;
      }
      const indents = byte === 0x20 || byte === 0x09;
      return indents && count < MOST_BLANKS
        ? { ...place, count: count + 1 }
        : undefined;
    }
    case "number": {
      const more = text + String.fromCharCode(byte);
      return node.reader.mayBecome(more) ? { ...place, text: more } : undefined;
    }
    case "text": {
      const another = utf8 === 0 && !escaped;
      if (another && count >= node.most) return undefined;
      if (escaped) {
        return ESCAPES.has(byte) ? { ...place, escaped: false } : undefined;
      }
      if (byte < 0x20 || byte === 0x22) return undefined;
      const next = afterByte(utf8, byte);
      if (next === DEAD) return undefined;
      const come = another ? count + 1 : count;
      const escapes = byte === 0x5c;
      return { ...place, count: come, utf8: next, escaped: escapes };
    }
  }
}
