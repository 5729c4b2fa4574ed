import type { Expression, Expressions } from "./expression";
import type { ShortestCompletion } from "./shortest-completion";

interface Context {
  readonly expressions: Expressions;
  readonly completion: ShortestCompletion;
  /** The items before, as JSON. */
  readonly items: () => readonly string[];
}

/**
 * Where the next byte may start an item, replaces the barrier by an item that differs
 * from those before. Returns the same expression if no item can start.
 */
export function beginItem(from: Expression, context: Context): Expression {
  const { expressions } = context;
  if (!expressions.hasBarriers) return from;
  if (from.kind === "choice") {
    return expressions.choice(
      from.parts.map((part) => beginItem(part, context)),
    );
  }
  if (from.kind !== "sequence") return from;
  const { head, tail } = from;
  if (head.kind === "barrier") return distinct(head.item, tail, context);
  const rest = head.nullable ? beginItem(tail, context) : tail;
  return expressions.sequence([beginItem(head, context), rest]);
}

/** An item that differs from those before, and the rest of its array. The rest begins
 * with a repetition of a comma and another item, which is removed if no other item is
 * possible. */
function distinct(
  item: Expression,
  tail: Expression,
  { expressions, completion, items }: Context,
): Expression {
  const before = items();
  const without = (texts: readonly string[]): Expression =>
    expressions.all([item, expressions.not(expressions.literals(texts))]);
  const next = without(before);
  if (completion.length(next) === Infinity) return expressions.empty;
  const shortest = new Uint8Array(completion.bytes(next));
  const others = without([...before, new TextDecoder().decode(shortest)]);
  const isLast = completion.length(others) === Infinity;
  const rest = isLast ? withoutRepeat(tail, expressions) : tail;
  return expressions.sequence([next, rest]);
}

/** The rest of the array after its last item. */
function withoutRepeat(tail: Expression, expressions: Expressions): Expression {
  if (tail.kind === "repeat") return expressions.epsilon;
  const isRepeated = tail.kind === "sequence" && tail.head.kind === "repeat";
  return isRepeated ? tail.tail : tail;
}
