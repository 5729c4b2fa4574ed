import type { Machine } from "./machine";
import { checkSchema } from "./forms";
import { Values, type Node } from "./nodes";
import { refused } from "./refused";
import { afterByte, DEAD } from "./utf8";

/** What is still to come, the next first. */
type Rest = { readonly node: Node; readonly then: Rest } | undefined;

/** Inside of a node, and what comes after it. */
interface Place {
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

/** Enough to indent what is nested; nobody needs it for ever. */
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

type Shortest = (node: Node) => readonly number[] | undefined;

/** What a node takes at least; undefined where it never ends. */
function shortestOf(): Shortest {
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
      case "later":
        return of(node.node());
      case "row": {
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
      const is =
        byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
      return is && count < MOST_BLANKS
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

/** The quickest way to an end from here. */
function wayFrom(place: Place, shortest: Shortest): number[] | undefined {
  const { node, count, utf8, escaped, text } = place;
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
  for (let rest = place.then; rest !== undefined; rest = rest.then) {
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
