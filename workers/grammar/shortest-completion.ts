import { BY_PREFERENCE, preferredByte } from "./byte-set";
import { unsupportedConstraint } from "./errors";
import type { Expression, Expressions } from "./expression";

type Of<Kind extends Expression["kind"]> = Extract<Expression, { kind: Kind }>;

/** States that one search for a completion visits at most. */
const MAX_SEARCHED_STATES = 50_000;

/** Stands in a completion where a token has to end. */
export const BARRIER = -1;

/**
 * Short texts that complete an answer. They are the shortest, unless the expression
 * contains an intersection.
 */
export class ShortestCompletion {
  readonly #expressions: Expressions;
  /** Lengths in bytes by expression. */
  readonly #lengths = new Map<Expression, number>();
  readonly #referenceLengths = new Map<Expression, number>();
  /** Lengths and next bytes of intersections and complements. */
  readonly #found = new Map<Expression, { length: number; byte?: number }>();

  constructor(expressions: Expressions) {
    this.#expressions = expressions;
  }

  /** Computes the lengths of references, which may depend on each other. */
  resolve(references: readonly Of<"reference">[]): void {
    for (let isFinal = false; !isFinal;) {
      isFinal = true;
      this.#lengths.clear();
      for (const reference of references) {
        const length = this.length(reference.target());
        if (length === this.length(reference)) continue;
        this.#referenceLengths.set(reference, length);
        isFinal = false;
      }
    }
    this.#lengths.clear();
  }

  /** The number of bytes; Infinity if the expression matches nothing. */
  length(of: Expression): number {
    if (of.nullable) return 0;
    const known = this.#lengths.get(of);
    if (known !== undefined) return known;
    const length = this.#measure(of);
    this.#lengths.set(of, length);
    return length;
  }

  bytes(of: Expression): number[] {
    const bytes: number[] = [];
    this.#write(of, bytes);
    return bytes;
  }

  #measure(of: Expression): number {
    switch (of.kind) {
      case "empty":
      case "epsilon":
        return Infinity;
      case "byte":
        return 1;
      case "choice":
        return this.length(this.#shortest(of));
      case "sequence":
        return this.#sequenceLength(of);
      case "repeat": {
        const { min } = of;
        const part = this.length(of.part);
        if (part < Infinity) return min * part;
        const pairs = Math.ceil(min / 2);
        return 2 * pairs > of.max ? Infinity : pairs * this.length(of.pair);
      }
      case "reference":
        return this.#referenceLengths.get(of) ?? of.length ?? Infinity;
      case "barrier":
        return this.length(of.item);
      case "number":
        return numberBytes(of)?.length ?? Infinity;
      case "all":
      case "not":
        return this.#search(of);
    }
  }

  #shortest({ parts }: Of<"choice">): Expression {
    return parts.reduce((best, part) =>
      this.length(part) < this.length(best) ? part : best,
    );
  }

  /** A loop, because long sequences would overflow the stack. */
  #sequenceLength(of: Of<"sequence">): number {
    const sequences: Of<"sequence">[] = [];
    let rest: Expression = of;
    while (rest.kind === "sequence" && !this.#lengths.has(rest)) {
      sequences.push(rest);
      rest = rest.tail;
    }
    let length = this.length(rest);
    for (const sequence of sequences.reverse()) {
      length += this.length(sequence.head);
      this.#lengths.set(sequence, length);
    }
    return length;
  }

  #write(of: Expression, bytes: number[]): void {
    let rest = of;
    while (!rest.nullable) {
      switch (rest.kind) {
        case "byte":
          bytes.push(preferredByte(rest.set) ?? 0);
          return;
        case "sequence":
          this.#write(rest.head, bytes);
          rest = rest.tail;
          break;
        case "choice":
          rest = this.#shortest(rest);
          break;
        case "repeat": {
          const { part, pair, min } = rest;
          const isSingle = this.length(part) < Infinity;
          for (let count = 0; count < min; count += isSingle ? 1 : 2) {
            this.#write(isSingle ? part : pair, bytes);
          }
          return;
        }
        case "reference":
          rest = rest.target();
          break;
        case "barrier":
          bytes.push(BARRIER);
          rest = rest.item;
          break;
        case "number":
          bytes.push(...(numberBytes(rest) ?? []));
          return;
        default: {
          const byte = this.#found.get(rest)?.byte;
          if (byte === undefined) return;
          bytes.push(byte);
          rest = this.#expressions.derive(rest, byte);
        }
      }
    }
  }

  /** Breadth-first search for the nearest state with a known completion. */
  #search(from: Expression): number {
    const known = this.#found.get(from)?.length;
    if (known !== undefined) return known;
    const origins = new Map<Expression, [state: Expression, byte: number]>();
    const visited = new Set([from]);
    for (let frontier = [from]; frontier.length > 0;) {
      const next: Expression[] = [];
      let nearest: Expression | undefined;
      for (const state of frontier) {
        for (const byte of this.#representatives(state)) {
          const after = this.#expressions.derive(state, byte);
          if (after === this.#expressions.empty || visited.has(after)) continue;
          visited.add(after);
          origins.set(after, [state, byte]);
          const length = this.#knownLength(after);
          if (length === undefined) next.push(after);
          else if (length < (nearest ? this.length(nearest) : Infinity)) {
            nearest = after;
          }
        }
      }
      if (nearest !== undefined) {
        this.#rememberPath(nearest, origins);
        return this.#found.get(from)?.length ?? Infinity;
      }
      if (visited.size > MAX_SEARCHED_STATES) {
        throw unsupportedConstraint(
          "its patterns and lengths are too complex in combination; simplify them.",
        );
      }
      frontier = next;
    }
    for (const state of visited) this.#found.set(state, { length: Infinity });
    return Infinity;
  }

  /** One byte of each class. */
  #representatives(state: Expression): number[] {
    const classes = this.#expressions.byteClasses(state);
    const seen = new Set<number | undefined>();
    return BY_PREFERENCE.filter((byte) => {
      const isNew = !seen.has(classes[byte]);
      seen.add(classes[byte]);
      return isNew;
    });
  }

  /** Undefined if it needs a search. */
  #knownLength(of: Expression): number | undefined {
    if (of.nullable) return 0;
    if (of.kind === "all" || of.kind === "not") {
      return this.#found.get(of)?.length;
    }
    return this.length(of);
  }

  #rememberPath(
    end: Expression,
    origins: ReadonlyMap<Expression, readonly [Expression, number]>,
  ): void {
    let length = this.length(end);
    let origin = origins.get(end);
    while (origin !== undefined) {
      const [state, byte] = origin;
      length += 1;
      this.#found.set(state, { length, byte });
      origin = origins.get(state);
    }
  }
}

/** The characters that complete a number. */
function numberBytes({ matcher, text }: Of<"number">): number[] | undefined {
  let number = text;
  const bytes: number[] = [];
  while (!matcher.matches(number)) {
    const next =
      CHARACTERS.find((char) => matcher.matches(number + char)) ??
      CHARACTERS.find((char) => matcher.isPrefix(number + char));
    if (next === undefined) return undefined;
    number += next;
    bytes.push(next.charCodeAt(0));
  }
  return bytes;
}

const CHARACTERS = [..."0123456789.-"];
