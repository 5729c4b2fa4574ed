import type { Expression, Expressions } from "./expression";
import type { ShortestCompletion } from "./shortest-completion";

interface Clamped {
  readonly expression: Expression;
  /** Bytes by which a shortest completion may be longer than that of the clamped
   * expression. */
  readonly surplus: number;
}

/**
 * Reduces the counters of repetitions, so that a state whose limits are far away is
 * the same as the one before it: `[a-z]{0,79}` and `[a-z]{0,78}` allow the same
 * tokens.
 */
export class CounterClamp {
  readonly #expressions: Expressions;
  readonly #completion: ShortestCompletion;
  readonly #limit: number;
  readonly #known = new Map<Expression, Clamped>();

  /** Texts of up to `limit` bytes lead to states of the clamped expression if and
   * only if they lead to states of the expression. */
  constructor(
    expressions: Expressions,
    completion: ShortestCompletion,
    limit: number,
  ) {
    this.#expressions = expressions;
    this.#completion = completion;
    this.#limit = limit;
  }

  clamp(expression: Expression): Clamped {
    // A loop, because long sequences would overflow the stack.
    const sequences: Extract<Expression, { kind: "sequence" }>[] = [];
    let rest = expression;
    while (rest.kind === "sequence" && !this.#known.has(rest)) {
      sequences.push(rest);
      rest = rest.tail;
    }
    let clamped = this.#known.get(rest) ?? this.#clamp(rest);
    for (const sequence of sequences.reverse()) {
      const head = this.clamp(sequence.head);
      clamped = {
        expression: this.#expressions.sequence([
          head.expression,
          clamped.expression,
        ]),
        surplus: head.surplus + clamped.surplus,
      };
      this.#known.set(sequence, clamped);
    }
    return clamped;
  }

  #clamp(expression: Expression): Clamped {
    const clamped = this.#compute(expression);
    this.#known.set(expression, clamped);
    return clamped;
  }

  #compute(expression: Expression): Clamped {
    if (expression.kind === "choice") {
      const parts = expression.parts.map((part) => this.clamp(part));
      return {
        expression: this.#expressions.choice(
          parts.map((part) => part.expression),
        ),
        surplus: Math.max(...parts.map((part) => part.surplus)),
      };
    }
    if (expression.kind !== "repeat") return { expression, surplus: 0 };
    const { part, pair, min, max } = expression;
    const least = Math.min(min, this.#limit);
    const most = max < this.#limit ? max : Infinity;
    const clamped = this.#expressions.repeat(part, least, most, pair);
    const surplus =
      min > least
        ? this.#completion.length(expression) - this.#completion.length(clamped)
        : 0;
    return { expression: clamped, surplus };
  }
}
