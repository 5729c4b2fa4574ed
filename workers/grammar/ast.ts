import type { NumberReader } from "./numbers";

/** A grammar of what may come. */
export type Node =
  | { readonly kind: "bytes"; readonly bytes: readonly number[] }
  | { readonly kind: "blank" }
  /** Inside of quotes. */
  | { readonly kind: "text"; readonly least: number; readonly most: number }
  | { readonly kind: "number"; readonly reader: NumberReader }
  | { readonly kind: "sequence"; readonly nodes: readonly Node[] }
  | { readonly kind: "choice"; readonly nodes: readonly Node[] }
  | { readonly kind: "lazy"; readonly node: () => Node };

const encoder = new TextEncoder();

export function written(text: string): Node {
  return { kind: "bytes", bytes: [...encoder.encode(text)] };
}

export function sequence(...nodes: Node[]): Node {
  return { kind: "sequence", nodes };
}

/** Made when it is met, once: positions are told apart by their nodes. */
export function lazy(make: () => Node): Node {
  let made: Node | undefined;
  return { kind: "lazy", node: () => (made ??= make()) };
}

export function choice(nodes: readonly Node[]): Node {
  const [only] = nodes;
  return only !== undefined && nodes.length === 1
    ? only
    : { kind: "choice", nodes };
}

export const nothing = sequence();
export const blank: Node = { kind: "blank" };
export const comma = sequence(blank, written(","), blank);

/** A list of some of these, in their order, each once. */
export function subset(
  all: readonly Node[],
  least: number,
  most: number,
): Node {
  const from = (at: number, taken: number): Node => {
    const item = all[at];
    if (item === undefined || taken === most) {
      return taken < least ? choice([]) : nothing;
    }
    const on = lazy(() => from(at + 1, taken + 1));
    const taking = sequence(...(taken > 0 ? [comma] : []), item, on);
    const left = all.length - at - 1;
    return taken + left < least
      ? taking
      : choice([lazy(() => from(at + 1, taken)), taking]);
  };
  return enclosed("[", from(0, 0), "]");
}

/** So many of them, a comma between two; one before the first if `next`. */
export function several(
  item: Node,
  least: number,
  most: number,
  next = false,
): Node {
  if (most <= 0) return nothing;
  const more = (count: number): Node =>
    lazy(() => several(item, Math.max(0, least - 1), count, true));
  const some = sequence(...(next ? [comma] : []), item, more(most - 1));
  return least > 0 ? some : choice([nothing, some]);
}

/** Those that are needed and any of the others, in this order. */
export function properties(
  pairs: readonly { readonly pair: Node; readonly needed: boolean }[],
): Node {
  // What may follow another, and what may stand first.
  let after: Node = nothing;
  let first: Node = nothing;
  for (const { pair, needed } of pairs.toReversed()) {
    const next = sequence(comma, pair, after);
    first = needed
      ? sequence(pair, after)
      : choice([sequence(pair, after), first]);
    after = needed ? next : choice([next, after]);
  }
  return first;
}

export function quoted(text: Node): Node {
  return sequence(written('"'), text, written('"'));
}

/** Brackets around it, and blanks within them. */
export function enclosed(open: string, inside: Node, close: string): Node {
  return sequence(written(open), blank, inside, blank, written(close));
}
