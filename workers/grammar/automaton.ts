import { CounterClamp } from "./counter-clamp";
import { beginItem } from "./distinct-items";
import { unsupportedConstraint } from "./errors";
import type { Expression, Expressions } from "./expression";
import type { ShortestCompletion } from "./shortest-completion";
import { SHORT } from "./token-trie";

/** The transitions of a state: the next states by byte. */
interface Table {
  readonly next: Int32Array;
  readonly classes: Uint8Array;
}

/** The state after which no answer is possible. */
export const DEAD = 0;
const UNKNOWN = -1;
/** Transition tables in the cache, of 1 kB each. */
const MAX_TABLES = 20_000;
/** Limit against exponential growth. */
const MAX_NEW_EXPRESSIONS = 1_000_000;

/**
 * A deterministic automaton over the bytes of an answer. A state is the id of the
 * expression that the rest of the answer has to match; states and transitions are
 * created when they are first needed.
 */
export class Automaton {
  readonly start: number;
  readonly #expressions: Expressions;
  readonly #completion: ShortestCompletion;
  readonly #compiledSize: number;
  readonly #clamp: CounterClamp;
  readonly #states: Expression[] = [];
  #tables: (Table | undefined)[] = [];
  #tableCount = 0;
  #transitions = 0;

  /** Throws if nothing matches the expression. */
  constructor(
    expressions: Expressions,
    completion: ShortestCompletion,
    start: Expression,
  ) {
    this.#expressions = expressions;
    this.#completion = completion;
    this.#compiledSize = expressions.size;
    this.#clamp = new CounterClamp(expressions, completion, SHORT);
    this.start = this.#add(start);
    if (this.start === DEAD)
      throw unsupportedConstraint("no text satisfies it.");
  }

  /** Number of expressions that answers have added to those of the constraint. */
  get growth(): number {
    return this.#expressions.size - this.#compiledSize;
  }

  /** Number of transitions computed so far. */
  get transitionCount(): number {
    return this.#transitions;
  }

  /** The state after a byte; `DEAD` if no answer continues with it. */
  next(state: number, byte: number): number {
    const { next, classes } = this.#tables[state] ?? this.#createTable(state);
    const known = next[byte] ?? UNKNOWN;
    if (known !== UNKNOWN) return known;
    this.#transitions += 1;
    const after = this.#add(
      this.#expressions.derive(this.expression(state), byte),
    );
    const same = classes[byte];
    for (let other = 0; other < 256; other++) {
      if (classes[other] === same) next[other] = after;
    }
    return after;
  }

  /** A state that allows the same texts up to the length of a short token, and the
   * number of bytes by which a completion from `state` may be longer. */
  clamp(state: number): { state: number; surplus: number } {
    const { expression, surplus } = this.#clamp.clamp(this.expression(state));
    return { state: this.#add(expression), surplus };
  }

  /** The state in which the next item differs from those before; the same state if no
   * such item begins here. */
  beginItem(state: number, items: () => readonly string[]): number {
    const before = this.expression(state);
    const after = beginItem(before, {
      expressions: this.#expressions,
      completion: this.#completion,
      items,
    });
    return after === before ? state : this.#add(after);
  }

  accepts(state: number): boolean {
    return this.expression(state).nullable;
  }

  /** Length of the shortest completion, in bytes. */
  lengthToEnd(state: number): number {
    return this.#completion.length(this.expression(state));
  }

  shortestCompletion(state: number): number[] {
    return this.#completion.bytes(this.expression(state));
  }

  expression(state: number): Expression {
    const expression = this.#states[state];
    if (expression === undefined) throw new Error(`No state ${state}`);
    return expression;
  }

  #add(expression: Expression): number {
    if (this.growth > MAX_NEW_EXPRESSIONS)
      throw unsupportedConstraint(
        "it is too ambiguous; simplify its repetitions and alternatives.",
      );
    if (this.#completion.length(expression) === Infinity) return DEAD;
    this.#states[expression.id] = expression;
    return expression.id;
  }

  #createTable(state: number): Table {
    if (this.#tableCount === MAX_TABLES) {
      this.#tables = [];
      this.#tableCount = 0;
    }
    this.#tableCount += 1;
    const table = {
      next: new Int32Array(256).fill(UNKNOWN),
      classes: this.#expressions.byteClasses(this.expression(state)),
    };
    this.#tables[state] = table;
    return table;
  }
}
