import { byteSet, unionOf, type ByteSet } from "./byte-set";
import type { NumberMatcher } from "./number-matcher";

/**
 * An expression over bytes: a regular expression with intersection and complement,
 * extended by references, which make it recursive. Equal expressions are the same
 * object, so that they serve as automaton states.
 */
export type Expression = Attributes &
  (
    | { readonly kind: "empty" }
    | { readonly kind: "epsilon" }
    | { readonly kind: "byte"; readonly set: ByteSet }
    | {
        readonly kind: "sequence";
        readonly head: Expression;
        readonly tail: Expression;
      }
    | { readonly kind: "choice"; readonly parts: readonly Expression[] }
    | { readonly kind: "all"; readonly parts: readonly Expression[] }
    | { readonly kind: "not"; readonly part: Expression }
    | Repeat
    | Reference
    /** An item that must differ from the items before it. Nothing follows until
     * `beginItem` replaces it. */
    | { readonly kind: "barrier"; readonly item: Expression }
    | {
        readonly kind: "number";
        readonly matcher: NumberMatcher;
        readonly text: string;
      }
  );

interface Attributes {
  readonly id: number;
  /** Whether it matches the empty text. */
  readonly nullable: boolean;
}

/** `min` to `max` times `part`. `pair` counts twice: a character that is two code
 * units of a JavaScript string. */
interface Repeat {
  readonly kind: "repeat";
  readonly part: Expression;
  readonly pair: Expression;
  readonly min: number;
  readonly max: number;
}

/** Stands for an expression that is not nullable, which may contain the reference. */
export interface Reference extends Attributes {
  readonly kind: "reference";
  readonly target: () => Expression;
  /** Number of bytes of its shortest text, if it is known in advance. */
  readonly length: number | undefined;
}

type Shape = Expression extends infer E
  ? E extends Expression
    ? Omit<E, keyof Attributes>
    : never
  : never;

/** Derivatives in the cache. */
const MAX_CACHED_DERIVATIVES = 500_000;

/** Creates expressions and their derivatives. */
export class Expressions {
  readonly #byKey = new Map<string, Expression>();
  readonly #derivatives = new Map<number, Expression>();
  readonly #singleBytes: Expression[] = [];
  readonly #numbers = new Map<object, number>();
  #nextId = 0;
  /** Whether there are items that must be distinct. */
  hasBarriers = false;

  /** Matches nothing. Its id is 0. */
  readonly empty = this.#intern("empty", { kind: "empty" }, false);
  /** Matches the empty text. */
  readonly epsilon = this.#intern("epsilon", { kind: "epsilon" }, true);
  /** Matches any bytes. */
  readonly anything = this.not(this.empty);

  get size(): number {
    return this.#nextId;
  }

  byte(set: ByteSet): Expression {
    if (!set.includes(1)) return this.empty;
    return this.#intern(`b${set.join("")}`, { kind: "byte", set }, false);
  }

  bytes(values: Iterable<number>): Expression {
    return this.sequence(
      Array.from(
        values,
        (value) => (this.#singleBytes[value] ??= this.byte(byteSet([value]))),
      ),
    );
  }

  literal(text: string): Expression {
    return this.bytes(new TextEncoder().encode(text));
  }

  /** One of the texts. Common beginnings are shared. */
  literals(texts: Iterable<string>): Expression {
    const encoder = new TextEncoder();
    return this.#trie(
      [...new Set(texts)].map((text) => encoder.encode(text)),
      0,
    );
  }

  sequence(parts: readonly Expression[]): Expression {
    return parts.reduceRight(
      (tail, head) => this.#pair(head, tail),
      this.epsilon,
    );
  }

  optional(part: Expression): Expression {
    return this.choice([part, this.epsilon]);
  }

  repeat(
    part: Expression,
    min: number,
    max: number,
    pair = this.empty,
  ): Expression {
    if (max < min) return this.empty;
    const two = max < 2 ? this.empty : pair;
    if (max === 0 || part === this.epsilon) return this.epsilon;
    if (part === this.empty && two === this.empty) {
      return min === 0 ? this.epsilon : this.empty;
    }
    if (min === 1 && max === 1) return part;
    const least = part.nullable ? 0 : min;
    return this.#intern(
      `r${part.id},${two.id},${least},${max}`,
      { kind: "repeat", part, pair: two, min: least, max },
      least === 0,
    );
  }

  choice(parts: readonly Expression[]): Expression {
    const flat = parts.flatMap((part) =>
      part.kind === "choice" ? part.parts : [part],
    );
    const merged = this.#mergeHeads(flat);
    if (merged.includes(this.anything)) return this.anything;
    const [only = this.empty] = merged;
    if (merged.length < 2) return only;
    return this.#intern(
      `c${merged.map(({ id }) => id).join()}`,
      { kind: "choice", parts: merged },
      merged.some(({ nullable }) => nullable),
    );
  }

  /** The texts that all parts match. */
  all(parts: readonly Expression[]): Expression {
    const flat = parts.flatMap((part) =>
      part.kind === "all" ? part.parts : [part],
    );
    const kept = distinct(flat.filter((part) => part !== this.anything));
    const [only = this.anything] = kept;
    if (kept.length < 2) return only;
    if (kept.includes(this.empty)) return this.empty;
    const nullable = kept.every((part) => part.nullable);
    if (kept.includes(this.epsilon))
      return nullable ? this.epsilon : this.empty;
    return this.#intern(
      `a${kept.map(({ id }) => id).join()}`,
      { kind: "all", parts: kept },
      nullable,
    );
  }

  not(part: Expression): Expression {
    if (part.kind === "not") return part.part;
    return this.#intern(`n${part.id}`, { kind: "not", part }, !part.nullable);
  }

  reference(target: () => Expression, length?: number): Reference {
    const id = this.#nextId++;
    return { kind: "reference", target, length, id, nullable: false };
  }

  barrier(item: Expression): Expression {
    this.hasBarriers = true;
    return this.#intern(`x${item.id}`, { kind: "barrier", item }, false);
  }

  number(matcher: NumberMatcher, text = ""): Expression {
    return this.#intern(
      `m${this.#numberOf(matcher)},${text}`,
      { kind: "number", matcher, text },
      matcher.matches(text),
    );
  }

  /** What may follow after the byte. */
  derive(from: Expression, byte: number): Expression {
    const key = 256 * from.id + byte;
    const known = this.#derivatives.get(key);
    if (known !== undefined) return known;
    const derivative = this.#derive(from, byte);
    if (this.#derivatives.size >= MAX_CACHED_DERIVATIVES)
      this.#derivatives.clear();
    this.#derivatives.set(key, derivative);
    return derivative;
  }

  /** The class of each byte: bytes of one class have the same derivative. */
  byteClasses(of: Expression): Uint8Array {
    const classes = new Uint8Array(256);
    let count = 1;
    for (const set of firstSets(of)) {
      // Splits each class into the bytes inside and outside of the set.
      const inside = new Map<number, number>();
      for (let byte = 0; byte < 256; byte++) {
        if (set[byte] !== 1) continue;
        const before = classes[byte] ?? 0;
        const name = inside.get(before) ?? count;
        if (name === count) count += 1;
        inside.set(before, name);
        classes[byte] = name;
      }
    }
    return classes;
  }

  #derive(from: Expression, byte: number): Expression {
    switch (from.kind) {
      case "empty":
      case "epsilon":
      case "barrier":
        return this.empty;
      case "byte":
        return from.set[byte] === 1 ? this.epsilon : this.empty;
      case "sequence": {
        const { head, tail } = from;
        const inside = this.#pair(this.derive(head, byte), tail);
        return head.nullable
          ? this.choice([inside, this.derive(tail, byte)])
          : inside;
      }
      case "choice":
        return this.choice(from.parts.map((part) => this.derive(part, byte)));
      case "all":
        return this.all(from.parts.map((part) => this.derive(part, byte)));
      case "not":
        return this.not(this.derive(from.part, byte));
      case "repeat": {
        const { part, pair, min, max } = from;
        const rest = (count: number): Expression =>
          this.repeat(part, Math.max(0, min - count), max - count, pair);
        const one = this.#pair(this.derive(part, byte), rest(1));
        if (pair === this.empty) return one;
        return this.choice([one, this.#pair(this.derive(pair, byte), rest(2))]);
      }
      case "reference":
        return this.derive(from.target(), byte);
      case "number": {
        const text = from.text + String.fromCharCode(byte);
        return from.matcher.isPrefix(text)
          ? this.number(from.matcher, text)
          : this.empty;
      }
    }
  }

  #pair(head: Expression, tail: Expression): Expression {
    if (head === this.empty || tail === this.empty) return this.empty;
    if (head === this.epsilon) return tail;
    if (tail === this.epsilon) return head;
    // A loop, because long sequences would overflow the stack.
    const heads: Expression[] = [];
    let last = head;
    while (last.kind === "sequence") {
      heads.push(last.head);
      last = last.tail;
    }
    heads.push(last);
    return heads.reduceRight(
      (after, each) =>
        this.#intern(
          `s${each.id},${after.id}`,
          { kind: "sequence", head: each, tail: after },
          each.nullable && after.nullable,
        ),
      tail,
    );
  }

  /** Merges alternatives that differ only in their first byte or in the bounds of
   * their first repetition: otherwise their number could grow with each byte. */
  #mergeHeads(parts: readonly Expression[]): Expression[] {
    if (parts.length < 2) return parts.filter((part) => part !== this.empty);
    const kept: Expression[] = [];
    const bytes = new Map<Expression, Expression[]>();
    const repeats = new Map<string, Expression[]>();
    for (const part of parts) {
      if (part === this.empty) continue;
      const { head, tail } = this.#split(part);
      if (head.kind === "byte") append(bytes, tail, part);
      else if (head.kind === "repeat") {
        const key = `${head.part.id},${head.pair.id},${tail.id}`;
        append(repeats, key, part);
      } else kept.push(part);
    }
    for (const [tail, group] of bytes) {
      kept.push(...this.#mergeBytes(group, tail));
    }
    for (const group of repeats.values()) {
      kept.push(...this.#mergeRepeats(group));
    }
    return distinct(kept);
  }

  #mergeBytes(group: readonly Expression[], tail: Expression): Expression[] {
    if (group.length === 1) return [...group];
    const sets = group.flatMap((part) => {
      const { head } = this.#split(part);
      return head.kind === "byte" ? [head.set] : [];
    });
    return [this.#pair(this.byte(sets.reduce(unionOf)), tail)];
  }

  /** Joins repetitions of the same part whose counts overlap or are adjacent. */
  #mergeRepeats(group: readonly Expression[]): Expression[] {
    if (group.length === 1) return [...group];
    const repeats = group.flatMap((part) => {
      const { head, tail } = this.#split(part);
      return head.kind === "repeat" ? [{ ...head, tail }] : [];
    });
    repeats.sort((a, b) => a.min - b.min);
    const joined: typeof repeats = [];
    for (const repeat of repeats) {
      const last = joined.at(-1);
      if (last !== undefined && repeat.min <= last.max + 1) {
        const max = Math.max(last.max, repeat.max);
        joined[joined.length - 1] = { ...last, max };
      } else joined.push(repeat);
    }
    return joined.map(({ part, pair, min, max, tail }) =>
      this.#pair(this.repeat(part, min, max, pair), tail),
    );
  }

  #split(part: Expression): { head: Expression; tail: Expression } {
    return part.kind === "sequence" ? part : { head: part, tail: this.epsilon };
  }

  #trie(texts: readonly Uint8Array[], at: number): Expression {
    const [first] = texts;
    if (first === undefined) return this.empty;
    if (texts.length === 1) return this.bytes(first.subarray(at));
    const groups = new Map<number, Uint8Array[]>();
    const choices: Expression[] = [];
    for (const text of texts) {
      const byte = text[at];
      if (byte === undefined) {
        choices.push(this.epsilon);
        continue;
      }
      const group = groups.get(byte);
      if (group) group.push(text);
      else groups.set(byte, [text]);
    }
    for (const [byte, group] of groups) {
      choices.push(this.#pair(this.bytes([byte]), this.#trie(group, at + 1)));
    }
    return this.choice(choices);
  }

  #numberOf(value: object): number {
    const number = this.#numbers.get(value) ?? this.#numbers.size;
    this.#numbers.set(value, number);
    return number;
  }

  #intern(key: string, shape: Shape, nullable: boolean): Expression {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const created: Expression = { ...shape, id: this.#nextId++, nullable };
    this.#byKey.set(key, created);
    return created;
  }
}

function distinct(parts: readonly Expression[]): Expression[] {
  return [...new Set(parts)].sort((a, b) => a.id - b.id);
}

const NUMBER_CHARACTERS = [..."0123456789.-"].map((char) =>
  byteSet([char.charCodeAt(0)]),
);

/** The sets that the first byte of a text may be matched against. */
function firstSets(of: Expression): Set<ByteSet> {
  const sets = new Set<ByteSet>();
  const visited = new Set<Expression>();
  const visit = (from: Expression): void => {
    if (visited.has(from)) return;
    visited.add(from);
    switch (from.kind) {
      case "empty":
      case "epsilon":
      case "barrier":
        break;
      case "byte":
        sets.add(from.set);
        break;
      case "sequence":
        visit(from.head);
        if (from.head.nullable) visit(from.tail);
        break;
      case "choice":
      case "all":
        from.parts.forEach(visit);
        break;
      case "not":
        visit(from.part);
        break;
      case "repeat":
        visit(from.part);
        visit(from.pair);
        break;
      case "reference":
        visit(from.target());
        break;
      case "number":
        for (const set of NUMBER_CHARACTERS) sets.add(set);
        break;
    }
  };
  visit(of);
  return sets;
}

function append<Key>(
  groups: Map<Key, Expression[]>,
  key: Key,
  part: Expression,
): void {
  const group = groups.get(key);
  if (group) group.push(part);
  else groups.set(key, [part]);
}
