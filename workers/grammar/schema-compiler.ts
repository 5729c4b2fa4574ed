import {
  whitespaceNode,
  choiceOf,
  commaNode,
  bracketed,
  lazyNode,
  emptyNode,
  propertyList,
  quoted,
  sequenceOf,
  repeat,
  orderedSubset,
  literal,
  type GrammarNode,
} from "./ast";
import {
  propertiesOf,
  typesOf,
  valuesOf,
  SchemaNormaliser,
  type NormalisedSchema,
} from "./normalise-schema";
import { numberMatcher } from "./number-matcher";
import { compileJsonSchema } from "structured-output/json";

/** Most values of an array with uniqueItems. */
const MAX_UNIQUE_VALUES = 64;

/** Compiles a JSON schema to a grammar. Objects have their properties in the order
 * of the schema, and additional ones only if the schema names none. */
export class SchemaCompiler {
  readonly #alternatives: SchemaNormaliser;
  /** Nodes by the schema's JSON. */
  readonly #nodes = new Map<string, GrammarNode>();

  constructor(root: unknown) {
    this.#alternatives = new SchemaNormaliser(root);
  }

  compile(schema: unknown): GrammarNode {
    const key = JSON.stringify(schema ?? true);
    const known = this.#nodes.get(key);
    if (known !== undefined) return known;
    const node = lazyNode(() =>
      choiceOf(
        this.#alternatives
          .normalise(schema)
          .flatMap((schema) => this.#all(schema)),
      ),
    );
    this.#nodes.set(key, node);
    return node;
  }

  #all(schema: NormalisedSchema): GrammarNode[] {
    const values = valuesOf(schema);
    if (values !== undefined) {
      return values.filter((text) => permits(schema, text)).map(literal);
    }
    return typesOf(schema).flatMap((type) => {
      switch (type) {
        case "object":
          return this.#objects(schema);
        case "array":
          return this.#arrays(schema);
        case "string":
          return stringNodes(schema);
        case "number":
        case "integer":
          return [
            {
              kind: "number",
              matcher: numberMatcher({ ...schema, type }),
            } as const,
          ];
        case "boolean":
          return [literal("true"), literal("false")];
        default:
          return [literal("null")];
      }
    });
  }

  #objects(schema: NormalisedSchema): GrammarNode[] {
    const named = propertiesOf(schema);
    const rest = schema["additionalProperties"];
    const required = new Set((schema["required"] ?? []) as string[]);
    const min = Number(schema["minProperties"] ?? 0);
    const max = Number(schema["maxProperties"] ?? Infinity);
    const names = [...new Set([...Object.keys(named), ...required])];
    if (names.length === 0) return this.#maps(rest, min, max);
    // minProperties makes the first optional properties required.
    for (const name of names) if (required.size < min) required.add(name);
    const possible = names.filter(
      (name) => required.has(name) || required.size < max,
    );
    const spare = max - required.size;
    const optional = possible
      .filter((name) => !required.has(name))
      .slice(0, spare);
    const order = possible.filter(
      (name) => required.has(name) || optional.includes(name),
    );
    if (required.size < min || required.size > max) return [];
    const pairs = order.map((name) => {
      const value = Object.hasOwn(named, name) ? named[name] : rest;
      const pair = this.#pair(literal(JSON.stringify(name)), value);
      return { pair, required: required.has(name) };
    });
    return [bracketed("{", propertyList(pairs), "}")];
  }

  /** Objects with arbitrary property names. */
  #maps(rest: unknown, min: number, max: number): GrammarNode[] {
    // Names might repeat, so that the number of properties is not known.
    if (min > 1 || max < min) return [];
    const empty = min === 0 ? [emptyNode] : [];
    const name = quoted({ kind: "text", min: 1, max: Infinity });
    const filled = max > 0 && rest !== false;
    const some = filled ? [repeat(this.#pair(name, rest), 1, max)] : [];
    if (empty.length + some.length === 0) return [];
    return [bracketed("{", choiceOf([...empty, ...some]), "}")];
  }

  /** All values of a schema, if const or enum list them. */
  #listed(schema: unknown): GrammarNode[] | undefined {
    const alternatives = this.#alternatives.normalise(schema);
    const texts = alternatives.map((schema) =>
      valuesOf(schema)?.filter((text) => permits(schema, text)),
    );
    if (texts.some((each) => each === undefined)) return undefined;
    const all = new Set(texts.flatMap((each) => each ?? []));
    return all.size <= MAX_UNIQUE_VALUES ? [...all].map(literal) : undefined;
  }

  #pair(name: GrammarNode, value: unknown): GrammarNode {
    return sequenceOf(
      name,
      whitespaceNode,
      literal(":"),
      whitespaceNode,
      this.compile(value),
    );
  }

  #arrays(schema: NormalisedSchema): GrammarNode[] {
    const { items, prefixItems, additionalItems } = schema;
    const first = (prefixItems ??
      (Array.isArray(items) ? items : [])) as unknown[];
    const rest = Array.isArray(items) ? additionalItems : items;
    const min = Number(schema["minItems"] ?? 0);
    const max = Math.min(
      Number(schema["maxItems"] ?? Infinity),
      rest === false ? first.length : Infinity,
    );
    if (min > max) return [];
    if (schema["uniqueItems"] === true && max > 1) {
      const listed = first.length === 0 ? this.#listed(rest) : undefined;
      if (listed !== undefined) return [orderedSubset(listed, min, max)];
      return min > 1 ? [] : this.#arrays({ ...schema, maxItems: 1 });
    }
    const each = (at: number): GrammarNode =>
      this.compile(at < first.length ? first[at] : rest);
    const from = (at: number): GrammarNode => {
      if (at >= max) return emptyNode;
      const item = sequenceOf(...(at > 0 ? [commaNode] : []), each(at));
      const items: GrammarNode =
        at < first.length || at < min
          ? sequenceOf(
              item,
              lazyNode(() => from(at + 1)),
            )
          : repeat(each(at), 0, max - at, at > 0);
      return at < min || at >= first.length
        ? items
        : choiceOf([emptyNode, items]);
    };
    return [bracketed("[", from(0), "]")];
  }
}

function stringNodes(schema: NormalisedSchema): GrammarNode[] {
  const min = Number(schema["minLength"] ?? 0);
  const max = Number(schema["maxLength"] ?? Infinity);
  return min > max ? [] : [quoted({ kind: "text", min, max })];
}

/** Whether a listed value satisfies the other keywords of the schema. */
function permits(schema: NormalisedSchema, text: string): boolean {
  const library = compileJsonSchema({ ...schema, enum: [JSON.parse(text)] });
  let state = library.initial;
  for (const byte of new TextEncoder().encode(text)) {
    state = library.transition(state, byte);
    if (!library.viable(state)) return false;
  }
  return library.accepting(state);
}
