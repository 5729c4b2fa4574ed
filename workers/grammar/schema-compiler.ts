import { byteSet } from "./byte-set";
import { jsonCharacter, jsonString, LAST_CODE_POINT } from "./code-points";
import { ConstraintError } from "./errors";
import type { Expression, Expressions, Reference } from "./expression";
import { formatPattern } from "./formats";
import { satisfies, satisfiesAll } from "./json-value";
import {
  allOf,
  NEGATED,
  patternOf,
  propertiesOf,
  schemasOf,
  SchemaNormaliser,
  typesOf,
  valuesOf,
  type NormalisedSchema,
} from "./normalise-schema";
import { numberMatcher } from "./number-matcher";
import { RegexCompiler } from "./regex";
import {
  escapePointer,
  SchemaDocument,
  type SchemaObject,
} from "./schema-syntax";
import type { ShortestCompletion } from "./shortest-completion";

/** Most values of an array with uniqueItems. */
const MAX_UNIQUE_VALUES = 64;
/** Most bytes of indentation after a line break. */
const MAX_INDENTATION = 15;
const INT32 = { minimum: -(2 ** 31), maximum: 2 ** 31 - 1 };

interface Pair {
  readonly pair: Expression;
  readonly isRequired: boolean;
}

/** An array with uniqueItems, and the rests of it by the values that are left. */
interface DistinctItems {
  readonly min: number;
  readonly max: number;
  readonly seen: Map<string, Expression>;
}

/** Compiles a JSON schema. Objects have their properties in the order of the schema,
 * and additional ones only if the schema names none. */
export class SchemaCompiler {
  readonly #expressions: Expressions;
  readonly #completion: ShortestCompletion;
  readonly #document: SchemaDocument;
  readonly #normaliser: SchemaNormaliser;
  readonly #patterns: RegexCompiler;
  /** Compiled schemas by their JSON. Undefined: being compiled. */
  readonly #compiled = new Map<string, Expression | undefined>();
  readonly #references = new Map<string, Reference>();
  /** The first schema that no value satisfies. */
  #unsatisfiable: string | undefined;
  readonly #whitespace: Expression;
  readonly #comma: Expression;

  constructor(
    expressions: Expressions,
    completion: ShortestCompletion,
    schema: unknown,
  ) {
    this.#expressions = expressions;
    this.#completion = completion;
    this.#document = new SchemaDocument(schema);
    this.#normaliser = new SchemaNormaliser(this.#document);
    this.#patterns = new RegexCompiler(expressions, jsonString);
    // Nothing, one space, or a line break with its indentation.
    const indentation = expressions.byte(byteSet([0x20, 0x09]));
    this.#whitespace = expressions.choice([
      expressions.epsilon,
      expressions.literal(" "),
      expressions.sequence([
        expressions.literal("\n"),
        expressions.repeat(indentation, 0, MAX_INDENTATION),
      ]),
    ]);
    this.#comma = expressions.sequence([
      this.#whitespace,
      expressions.literal(","),
      this.#whitespace,
    ]);
  }

  /** Throws if no JSON text satisfies the schema. */
  compile(): Expression {
    const { root } = this.#document;
    const compiled = this.#schema(root, "#");
    this.#completion.resolve([...this.#references.values()]);
    if (this.#completion.length(compiled) === Infinity) {
      throw new ConstraintError("no value satisfies the schema.", {
        pointer: this.#unsatisfiable ?? "#",
      });
    }
    return compiled;
  }

  #schema(schema: unknown, parent: string): Expression {
    const key = JSON.stringify(schema ?? true);
    const pointer = this.#document.pointerOf(schema) ?? parent;
    if (this.#compiled.has(key)) {
      return this.#compiled.get(key) ?? this.#reference(key);
    }
    this.#compiled.set(key, undefined);
    try {
      const compiled = this.#expressions.choice(
        this.#normaliser
          .normalise(schema)
          .flatMap((each) => this.#values(each, pointer)),
      );
      this.#compiled.set(key, compiled);
      if (compiled === this.#expressions.empty) this.#unsatisfiable ??= pointer;
      return compiled;
    } catch (error) {
      throw error instanceof ConstraintError ? error.at(pointer) : error;
    }
  }

  #reference(key: string): Expression {
    const known = this.#references.get(key);
    if (known !== undefined) return known;
    const target = (): Expression =>
      this.#compiled.get(key) ?? this.#expressions.empty;
    const reference = this.#expressions.reference(target);
    this.#references.set(key, reference);
    return reference;
  }

  #values(all: NormalisedSchema, pointer: string): Expression[] {
    const values = valuesOf(all);
    if (values !== undefined) {
      const unlisted = { ...all, enum: undefined };
      return [
        this.#expressions.literals(
          values.filter((text) =>
            satisfiesAll(JSON.parse(text), unlisted, this.#normaliser),
          ),
        ),
      ];
    }
    const { schema, excluded } = withoutNot(all);
    return typesOf(schema).flatMap((type) => {
      switch (type) {
        case "object":
          return this.#objects(schema, pointer);
        case "array":
          return this.#arrays(schema, pointer);
        case "string":
          return [this.#strings(schema, excluded)];
        case "boolean":
          return this.#constants([true, false], excluded);
        case "null":
          return this.#constants([null], excluded);
        default:
          return [this.#numbers({ ...schema, type }, excluded)];
      }
    });
  }

  #constants(
    values: readonly (boolean | null)[],
    excluded: readonly SchemaObject[],
  ): Expression[] {
    return values
      .filter((value) => !excluded.some((each) => this.#is(value, each)))
      .map((value) => this.#expressions.literal(String(value)));
  }

  #is(value: unknown, schema: unknown): boolean {
    return satisfies(value, schema, this.#normaliser);
  }

  #numbers(
    schema: NormalisedSchema,
    excluded: readonly SchemaObject[],
  ): Expression {
    if (excluded.some((each) => listed(each).some(Number.isFinite)))
      throw new ConstraintError("keyword “not” is not supported for numbers.");
    const formats = [schema["format"]].flat();
    const isInt32 = formats.includes("int32");
    const { minimum = -Infinity, maximum = Infinity } = schema;
    const bounds = {
      minimum: Math.max(Number(minimum), INT32.minimum),
      maximum: Math.min(Number(maximum), INT32.maximum),
    };
    const number = this.#expressions.number(
      numberMatcher(isInt32 ? { ...schema, ...bounds } : schema),
    );
    return this.#possible(number);
  }

  #strings(
    schema: NormalisedSchema,
    excluded: readonly SchemaObject[],
  ): Expression {
    return this.#quoted(this.#text(schema, excluded));
  }

  /** The characters of a string. */
  #text(
    schema: NormalisedSchema,
    excluded: readonly SchemaObject[] = [],
    isCanonical = false,
  ): Expression {
    const expressions = this.#expressions;
    const min = Number(schema["minLength"] ?? 0);
    const max = Number(schema["maxLength"] ?? Infinity);
    const parts = ([schema["pattern"] ?? []].flat() as string[]).map(
      (pattern) => this.#pattern(pattern),
    );
    for (const name of [schema["format"] ?? []].flat() as string[]) {
      const pattern = formatPattern(name);
      if (pattern !== undefined) parts.push(this.#pattern(pattern));
    }
    const others = excluded.map((each) =>
      expressions.not(this.#excludedText(each)),
    );
    if (parts.length + others.length === 0 && !isCanonical) {
      return expressions.repeat(jsonCharacter(expressions), min, max);
    }
    const any = jsonString(expressions, [[0, LAST_CODE_POINT]]);
    if (parts.length === 0 || min > 0 || max < Infinity)
      parts.push(expressions.repeat(any, min, max));
    return this.#possible(expressions.all([...parts, ...others]));
  }

  /** The expression; `empty` if nothing matches it. It must have no references. */
  #possible(expression: Expression): Expression {
    const isPossible = this.#completion.length(expression) < Infinity;
    return isPossible ? expression : this.#expressions.empty;
  }

  #pattern(source: string): Expression {
    const { flags } = patternOf(source);
    return this.#patterns.search(source, flags);
  }

  #excludedText(schema: SchemaObject): Expression {
    const texts = listed(schema).filter((each) => typeof each === "string");
    if (schema["enum"] !== undefined || Object.hasOwn(schema, "const")) {
      return this.#expressions.literals(
        texts.map((text) => JSON.stringify(text).slice(1, -1)),
      );
    }
    return this.#text(schema);
  }

  #objects(schema: NormalisedSchema, pointer: string): Expression[] {
    const required = new Set((schema["required"] ?? []) as string[]);
    const min = Number(schema["minProperties"] ?? 0);
    const max = Number(schema["maxProperties"] ?? Infinity);
    const names = new Set([...Object.keys(propertiesOf(schema)), ...required]);
    const { propertyNames } = schema;
    if (propertyNames !== undefined) {
      for (const name of this.#listedNames(propertyNames)) names.add(name);
    }
    if (names.size === 0) return this.#maps(schema, min, max, pointer);
    const pairs = new Map<string, Expression>();
    for (const name of names) {
      const isPossible =
        propertyNames === undefined || this.#is(name, propertyNames);
      const value = allOf(schemasOf(schema, name));
      const compiled = isPossible
        ? this.#schema(value, `${pointer}/properties/${escapePointer(name)}`)
        : this.#expressions.empty;
      if (compiled !== this.#expressions.empty) {
        const text = this.#expressions.literal(JSON.stringify(name));
        pairs.set(name, this.#pair(text, compiled));
      }
    }
    // minProperties makes the first optional properties required.
    for (const name of pairs.keys()) {
      if (required.size < min) required.add(name);
    }
    const isPossible = [...required].every((name) => pairs.has(name));
    if (!isPossible || required.size < min || required.size > max) return [];
    let spare = max - required.size;
    const ordered: Pair[] = [];
    for (const [name, pair] of pairs) {
      const isRequired = required.has(name);
      if (isRequired || spare > 0) ordered.push({ pair, isRequired });
      if (!isRequired) spare -= 1;
    }
    return [this.#bracketed("{", this.#propertyList(ordered), "}")];
  }

  /** The names that propertyNames lists. */
  #listedNames(propertyNames: unknown): string[] {
    const alternatives = this.#normaliser.normalise(propertyNames);
    const values = alternatives.map((each) => each["enum"]);
    if (!values.every(Array.isArray)) return [];
    return values.flat().filter((each) => typeof each === "string");
  }

  /** All required pairs and any of the optional ones, in this order. */
  #propertyList(pairs: readonly Pair[]): Expression {
    const expressions = this.#expressions;
    // The rest of the list, built from its end: `after` follows another pair and
    // begins with a comma, `first` begins the list.
    let after = expressions.epsilon;
    let first = expressions.epsilon;
    for (const { pair, isRequired } of pairs.toReversed()) {
      const next = expressions.sequence([this.#comma, pair, after]);
      const start = expressions.sequence([pair, after]);
      first = isRequired ? start : expressions.choice([start, first]);
      after = isRequired ? next : expressions.choice([next, after]);
    }
    return first;
  }

  /** Objects with arbitrary property names. */
  #maps(
    schema: NormalisedSchema,
    min: number,
    max: number,
    pointer: string,
  ): Expression[] {
    const expressions = this.#expressions;
    // Names might repeat, so that the number of properties is not known.
    if (min > 1)
      throw new ConstraintError(
        "“minProperties” greater than 1 needs named properties.",
      );
    const pair =
      max > 0
        ? expressions.choice(this.#anyPairs(schema, pointer))
        : expressions.empty;
    const some = expressions.sequence([
      pair,
      expressions.repeat(expressions.sequence([this.#comma, pair]), 0, max - 1),
    ]);
    const inside = min === 0 ? expressions.optional(some) : some;
    return [this.#bracketed("{", inside, "}")];
  }

  /** The pairs of an object that names no properties. */
  #anyPairs(schema: NormalisedSchema, pointer: string): Expression[] {
    const { propertyNames = true } = schema;
    const patterns = Object.entries(
      (schema["patternProperties"] ?? {}) as SchemaObject,
    );
    const names = this.#normaliser
      .normalise({ allOf: [{ type: "string" }, propertyNames] })
      .map((each) => this.#text({ minLength: 1, ...each }));
    const matches = patterns.map(([pattern]) => this.#pattern(pattern));
    const pairs = names.flatMap((name) => {
      // Each name matches one pattern, or none.
      const named = (only: Expression | undefined): Expression => {
        const others = matches.map((each) =>
          each === only ? each : this.#expressions.not(each),
        );
        return this.#quoted(
          this.#possible(this.#expressions.all([name, ...others])),
        );
      };
      const rest =
        schema["additionalProperties"] ?? schema["unevaluatedProperties"];
      return [
        this.#pair(named(undefined), this.#schema(rest ?? true, pointer)),
        ...patterns.map(([, value], i) =>
          this.#pair(named(matches[i]), this.#schema(value, pointer)),
        ),
      ];
    });
    return pairs;
  }

  #pair(name: Expression, value: Expression): Expression {
    return this.#expressions.sequence([
      name,
      this.#whitespace,
      this.#expressions.literal(":"),
      this.#whitespace,
      value,
    ]);
  }

  #arrays(schema: NormalisedSchema, pointer: string): Expression[] {
    const { items, prefixItems, additionalItems, unevaluatedItems } = schema;
    const { contains, minContains = 1, maxContains } = schema;
    const first = [
      ...((prefixItems ?? (Array.isArray(items) ? items : [])) as unknown[]),
    ];
    const others = Array.isArray(items) ? additionalItems : items;
    const rest = others ?? unevaluatedItems ?? true;
    let min = Number(schema["minItems"] ?? 0);
    const most = Number(schema["maxItems"] ?? Infinity);
    if (contains !== undefined) {
      if (maxContains !== undefined)
        throw new ConstraintError("keyword “maxContains” is not supported.");
      // The first items after prefixItems are the ones that match.
      const needed = Number(minContains);
      min = Math.max(min, first.length + needed);
      first.push(...Array<unknown>(needed).fill(allOf([rest, contains])));
    }
    const max = rest === false ? Math.min(most, first.length) : most;
    if (schema["uniqueItems"] === true && max > 1) {
      return this.#uniqueArrays(first, rest, min, max, pointer);
    }
    const expressions = this.#expressions;
    const compiled = first
      .slice(0, max)
      .map((each) => this.#schema(each, pointer));
    const item = this.#schema(rest, pointer);
    const counted = (least: number, count: number, isFirst: boolean) => {
      const more = expressions.sequence([this.#comma, item]);
      if (!isFirst) return expressions.repeat(more, least, count);
      const some = expressions.sequence([
        item,
        expressions.repeat(more, Math.max(0, least - 1), count - 1),
      ]);
      if (count <= 0) return expressions.epsilon;
      return least > 0 ? some : expressions.optional(some);
    };
    if (min > max) return [];
    const inside = compiled.reduceRight(
      (after, each, at) => {
        const one = expressions.sequence([
          at > 0 ? this.#comma : expressions.epsilon,
          each,
          after,
        ]);
        return at < min ? one : expressions.optional(one);
      },
      counted(
        Math.max(0, min - compiled.length),
        max - compiled.length,
        compiled.length === 0,
      ),
    );
    return [this.#bracketed("[", inside, "]")];
  }

  /** Each value of the items at most once. */
  #uniqueArrays(
    first: readonly unknown[],
    rest: unknown,
    min: number,
    max: number,
    pointer: string,
  ): Expression[] {
    const values = first.length === 0 ? this.#listed(rest) : undefined;
    if (values !== undefined) {
      if (values.length < min) return [];
      const inside = this.#distinct({ min, max, seen: new Map() }, values, 0);
      const expressions = this.#expressions;
      return [
        expressions.sequence([
          expressions.literal("["),
          this.#whitespace,
          inside,
        ]),
      ];
    }
    const texts = first.length === 0 ? this.#canonicalStrings(rest) : undefined;
    if (texts !== undefined && min <= 1) {
      const expressions = this.#expressions;
      const item = expressions.barrier(texts);
      const more = expressions.sequence([this.#comma, item]);
      const some = expressions.sequence([
        item,
        expressions.repeat(more, 0, max - 1),
      ]);
      const inside = min > 0 ? some : expressions.optional(some);
      return [this.#bracketed("[", inside, "]")];
    }
    if (min > 1)
      throw new ConstraintError(
        `“uniqueItems” with “minItems” greater than 1 needs items that list at most ${MAX_UNIQUE_VALUES} values.`,
      );
    return this.#arrays(
      { prefixItems: first, items: rest, minItems: min, maxItems: 1 },
      pointer,
    );
  }

  /** The strings of a schema, each written in one way only; undefined if it has other
   * values. */
  #canonicalStrings(schema: unknown): Expression | undefined {
    const alternatives = this.#normaliser.normalise(schema);
    const texts: Expression[] = [];
    for (const each of alternatives) {
      const { schema: string, excluded } = withoutNot(each);
      const onlyStrings = typesOf(string).join() === "string";
      if (!onlyStrings || valuesOf(each) !== undefined) return undefined;
      texts.push(this.#quoted(this.#text(string, excluded, true)));
    }
    return this.#expressions.choice(texts);
  }

  /** The rest of an array of these values, each at most once, in any order. */
  #distinct(
    array: DistinctItems,
    values: readonly string[],
    count: number,
  ): Expression {
    const expressions = this.#expressions;
    const end = expressions.sequence([
      this.#whitespace,
      expressions.literal("]"),
    ]);
    const parts = count >= array.min ? [end] : [];
    for (const value of count < array.max ? values : []) {
      const others = values.filter((other) => other !== value);
      const key = others.join();
      const next = array.seen.get(key) ?? this.#lazy(array, others, count + 1);
      array.seen.set(key, next);
      const comma = count > 0 ? this.#comma : expressions.epsilon;
      parts.push(
        expressions.sequence([comma, expressions.literal(value), next]),
      );
    }
    return expressions.choice(parts);
  }

  /** The rest of an array, which is created when an answer reaches it: there is one
   * for each set of values. */
  #lazy(
    array: DistinctItems,
    values: readonly string[],
    count: number,
  ): Reference {
    let rest: Expression | undefined;
    const needed = Math.max(0, array.min - count);
    const lengths = values.map((value) => utf8Length(value) + 1);
    const shortest = lengths.sort((a, b) => a - b).slice(0, needed);
    return this.#expressions.reference(
      () => (rest ??= this.#distinct(array, values, count)),
      shortest.reduce((sum, length) => sum + length, 1),
    );
  }

  /** All values of a schema as JSON, if it lists few. */
  #listed(schema: unknown): string[] | undefined {
    const alternatives = this.#normaliser.normalise(schema);
    const values = alternatives.map((each) =>
      valuesOf(each)?.filter((text) =>
        satisfiesAll(
          JSON.parse(text),
          { ...each, enum: undefined },
          this.#normaliser,
        ),
      ),
    );
    if (values.some((each) => each === undefined)) return undefined;
    const all = new Set(values.flatMap((each) => each ?? []));
    return all.size <= MAX_UNIQUE_VALUES ? [...all] : undefined;
  }

  #quoted(text: Expression): Expression {
    const quote = this.#expressions.literal('"');
    return this.#expressions.sequence([quote, text, quote]);
  }

  /** Brackets with optional whitespace inside. */
  #bracketed(open: string, inside: Expression, close: string): Expression {
    return this.#expressions.sequence([
      this.#expressions.literal(open),
      this.#whitespace,
      inside,
      this.#whitespace,
      this.#expressions.literal(close),
    ]);
  }
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** The values that a schema lists. */
function listed(schema: SchemaObject): unknown[] {
  const values = (schema["enum"] ?? []) as unknown[];
  return Object.hasOwn(schema, "const") ? [...values, schema["const"]] : values;
}

/** Applies the keyword “not”. `excluded` are the schemas that strings must not
 * satisfy. */
function withoutNot(schema: NormalisedSchema): {
  schema: NormalisedSchema;
  excluded: SchemaObject[];
} {
  const excluded: SchemaObject[] = [];
  let types = typesOf(schema);
  for (const part of [schema[NEGATED] ?? []].flat() as SchemaObject[]) {
    const keys = Object.keys(part);
    const has = (...all: string[]): boolean =>
      keys.every((key) => all.includes(key));
    const { type } = part;
    if (has("type")) {
      const removed = [type].flat() as string[];
      if (removed.includes("integer") && types.includes("number"))
        throw new ConstraintError("“not” of type integer is not supported.");
      if (removed.includes("number")) removed.push("integer");
      types = types.filter((each) => !removed.includes(each));
    } else if (has("enum", "const", "type")) {
      if (listed(part).some((each) => typeof each === "object" && each))
        throw new ConstraintError(
          "“not” is not supported for objects and arrays.",
        );
      excluded.push(part);
    } else if (
      has("pattern", "minLength", "maxLength", "type") &&
      [undefined, "string"].includes(type as undefined)
    ) {
      // Without a type, the schema is true for all values that are not strings.
      if (type === undefined) types = types.filter((each) => each === "string");
      excluded.push(part);
    } else {
      throw new ConstraintError(
        `“not” is not supported for ${keys.map((key) => `“${key}”`).join(", ")}.`,
      );
    }
  }
  return { schema: { ...schema, type: types }, excluded };
}
