import { isObject } from "../../src/shared/options";
import { unsupportedConstraint } from "./errors";
import type { Schema, SchemaDocument, SchemaObject } from "./schema-syntax";

/** A schema without $ref, allOf, anyOf and oneOf. */
export type NormalisedSchema = SchemaObject;

/** Keywords that are compiled. */
const COMPILED_KEYWORDS = new Set(
  "type enum minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern format properties patternProperties propertyNames required additionalProperties unevaluatedProperties minProperties maxProperties items prefixItems additionalItems unevaluatedItems minItems maxItems uniqueItems contains minContains maxContains".split(
    " ",
  ),
);
/** Schemas that a value must not satisfy, in a normalised schema. */
export const NEGATED = "(not)";
const MAX_REF_DEPTH = 32;
/** Most alternatives of one schema, after combining those of its parts. */
const MAX_ALTERNATIVES = 5000;

/** Resolves references and combinators: a schema becomes a list of alternatives. */
export class SchemaNormaliser {
  readonly #document: SchemaDocument;

  constructor(document: SchemaDocument) {
    this.#document = document;
  }

  normalise(schema: unknown, depth = 0): NormalisedSchema[] {
    if (depth > MAX_REF_DEPTH)
      throw unsupportedConstraint(
        `$ref or combinators are nested more than ${MAX_REF_DEPTH} deep; a schema must not refer to itself directly.`,
      );
    if (schema === false) return [];
    if (!isObject(schema)) return [{}];
    let alternatives = [ownKeywords(schema)];
    const combine = (others: readonly NormalisedSchema[]): void => {
      if (alternatives.length * others.length > MAX_ALTERNATIVES)
        throw unsupportedConstraint(
          `anyOf and oneOf have more than ${MAX_ALTERNATIVES} combinations; simplify them.`,
        );
      alternatives = alternatives.flatMap((a) =>
        others.flatMap((b) => merged(a, b)),
      );
    };
    const each = (key: string): NormalisedSchema[][] =>
      listOf(schema[key]).map((part) => this.normalise(part, depth + 1));
    const alternativesOf = (parts: readonly unknown[]): NormalisedSchema[] =>
      parts.flatMap((part) => this.normalise(part, depth + 1));
    const { $ref } = schema;
    if (typeof $ref === "string") {
      combine(this.normalise(this.#document.resolve($ref), depth + 1));
    }
    for (const part of each("allOf")) combine(part);
    if (schema["anyOf"] !== undefined) combine(each("anyOf").flat());
    if (schema["oneOf"] !== undefined) {
      const tagged = this.#tagged(schema);
      const choices = tagged.map((part) => this.normalise(part, depth + 1));
      this.#checkDisjoint(choices);
      combine(choices.flat());
    }
    for (const [name, needed] of dependentsOf(schema)) {
      const required = { allOf: [{ required: [name] }, needed] };
      combine(alternativesOf([absent(name), required]));
    }
    const { if: condition, then = true, else: otherwise = true } = schema;
    if (condition !== undefined) {
      const others = this.#negations(condition).map((negation) => ({
        allOf: [negation, otherwise],
      }));
      combine(alternativesOf([{ allOf: [condition, then] }, ...others]));
    }
    if (schema["not"] !== undefined)
      combine(alternativesOf(this.#negations(schema["not"])));
    return alternatives;
  }

  /** Schemas of which a value satisfies at least one if it does not satisfy `schema`. */
  #negations(schema: unknown): unknown[] {
    if (typeof schema === "boolean") return [!schema];
    if (!isObject(schema)) return [];
    const { type, required, $ref } = schema;
    const has = (...keys: string[]): boolean =>
      Object.keys(schema).every((key) => keys.includes(key));
    if (has()) return [false];
    if (has("not")) return [schema["not"]];
    if (has("allOf"))
      return listOf(schema["allOf"]).flatMap((part) => this.#negations(part));
    if (has("anyOf"))
      return [{ allOf: listOf(schema["anyOf"]).map((not) => ({ not })) }];
    if (has("$ref"))
      return this.#negations(this.#document.resolve(String($ref)));
    const isOfObjects = [undefined, "object"].includes(type as undefined);
    if (!has("type", "properties", "required") || has("type") || !isOfObjects)
      return [{ [NEGATED]: [schema] }];
    const negations: unknown[] = type === undefined ? [] : [{ not: { type } }];
    for (const name of (required ?? []) as string[]) {
      negations.push({ type: "object", ...absent(name) });
    }
    for (const [name, not] of Object.entries(propertiesOf(schema))) {
      const different = { properties: { [name]: { not } }, required: [name] };
      negations.push({ type: "object", ...different });
    }
    return negations;
  }

  /** The alternatives of oneOf, each with the value of its discriminator. */
  #tagged(schema: SchemaObject): Schema[] {
    const choices = listOf(schema["oneOf"]);
    const { discriminator } = schema;
    if (!isObject(discriminator)) return choices;
    const { propertyName, mapping } = discriminator;
    if (typeof propertyName !== "string") return choices;
    return choices.map((choice) => {
      const $ref = isObject(choice) ? choice["$ref"] : undefined;
      if (typeof $ref !== "string") return choice;
      const name = $ref.split("/").at(-1) ?? $ref;
      const mapped = Object.entries(isObject(mapping) ? mapping : {})
        .filter(([, target]) => target === $ref || target === name)
        .map(([tag]) => tag);
      const tags = mapped.length > 0 ? mapped : [name];
      // A tag that the alternative lists itself takes precedence.
      const isListed = this.normalise(choice, 1).every((each) => {
        const tag = propertiesOf(each)[propertyName];
        return isObject(tag) && this.normalise(tag, 1).every(valuesOf);
      });
      if (isListed) return choice;
      const properties = { [propertyName]: { enum: tags } };
      return { allOf: [choice, { properties, required: [propertyName] }] };
    });
  }

  /** The alternatives of oneOf must be provably disjoint. */
  #checkDisjoint(choices: readonly (readonly NormalisedSchema[])[]): void {
    choices.forEach((ones, i) => {
      for (const others of choices.slice(i + 1)) {
        if (ones.every((a) => others.every((b) => this.#areDisjoint(a, b))))
          continue;
        throw unsupportedConstraint(
          "alternatives of oneOf may overlap; use anyOf, or give each a different const property.",
        );
      }
    });
  }

  #areDisjoint(a: NormalisedSchema, b: NormalisedSchema, depth = 0): boolean {
    const [ours, theirs] = [valuesOf(a), valuesOf(b)];
    if (ours && theirs) {
      const known = new Set(theirs);
      return !ours.some((text) => known.has(text));
    }
    if (commonTypes(typesOf(a), typesOf(b)).length === 0) return true;
    const listed = ours ?? theirs;
    if (listed) {
      const types = typesOf(ours ? b : a);
      return listed.every((text) => !types.includes(typeOf(text)));
    }
    const onlyObjects = [a, b].every((s) => typesOf(s).join() === "object");
    if (!onlyObjects || depth > MAX_REF_DEPTH) return false;
    const needs = (schema: NormalisedSchema): string[] =>
      (schema["required"] ?? []) as string[];
    // Generated objects have no properties other than the named ones.
    const lacks = (schema: NormalisedSchema, names: string[]): boolean =>
      names.some((name) => !Object.hasOwn(propertiesOf(schema), name));
    if (lacks(a, needs(b)) && lacks(b, needs(a))) return true;
    return needs(a)
      .filter((name) => needs(b).includes(name))
      .some((name) => {
        const [ones = [], others = []] = [a, b].map((schema) =>
          this.normalise(propertiesOf(schema)[name]),
        );
        return ones.every((one) =>
          others.every((other) => this.#areDisjoint(one, other, depth + 1)),
        );
      });
  }
}

/** The compiled keywords, in the form of JSON Schema 2020-12. */
function ownKeywords(schema: SchemaObject): NormalisedSchema {
  const own: Record<string, unknown> = Object.fromEntries(
    Object.entries(schema).filter(
      ([key]) => COMPILED_KEYWORDS.has(key) || key === NEGATED,
    ),
  );
  const { type, nullable } = schema;
  if (Object.hasOwn(schema, "const")) {
    own["enum"] = [schema["const"]];
    if (schema["enum"] !== undefined)
      own["enum"] = mergeKeyword("enum", own["enum"], schema["enum"]);
  }
  if (nullable === true && type !== undefined) {
    own["type"] = [...new Set([type, "null"].flat())];
  }
  for (const [exclusive, limit] of [
    ["exclusiveMinimum", "minimum"],
    ["exclusiveMaximum", "maximum"],
  ] as const) {
    if (typeof own[exclusive] !== "boolean") continue;
    const { [exclusive]: isExclusive, [limit]: value } = own;
    delete own[exclusive];
    if (isExclusive !== true || value === undefined) continue;
    own[exclusive] = value;
    delete own[limit];
  }
  return own;
}

/** What the presence of a property requires: names or a schema. */
function dependentsOf(schema: SchemaObject): [name: string, needed: unknown][] {
  const { dependentRequired, dependentSchemas, dependencies } = schema;
  return [dependentRequired, dependentSchemas, dependencies].flatMap((all) =>
    Object.entries(isObject(all) ? all : {}).map(
      ([name, needed]): [string, unknown] => [
        name,
        Array.isArray(needed) ? { required: needed } : needed,
      ],
    ),
  );
}

function absent(name: string): SchemaObject {
  return { properties: { [name]: false } };
}

/** Both schemas as one; empty if they contradict each other. */
function merged(a: NormalisedSchema, b: NormalisedSchema): NormalisedSchema[] {
  const schema: Record<string, unknown> = { ...a };
  for (const [key, theirs] of Object.entries(b)) {
    const ours = a[key];
    schema[key] = ours === undefined ? theirs : mergeKeyword(key, ours, theirs);
  }
  mergeObjects(schema, a, b);
  const types = schema["type"];
  return Array.isArray(types) && types.length === 0 ? [] : [schema];
}

function mergeKeyword(key: string, ours: unknown, theirs: unknown): unknown {
  if (JSON.stringify(ours) === JSON.stringify(theirs)) return ours;
  switch (key) {
    case "minimum":
    case "exclusiveMinimum":
    case "minLength":
    case "minItems":
    case "minProperties":
      return Math.max(Number(ours), Number(theirs));
    case "maximum":
    case "exclusiveMaximum":
    case "maxLength":
    case "maxItems":
    case "maxProperties":
      return Math.min(Number(ours), Number(theirs));
    case "type":
      return commonTypes(ours, theirs);
    case "enum": {
      const texts = new Set(listOf(theirs).map((each) => JSON.stringify(each)));
      return listOf(ours).filter((each) => texts.has(JSON.stringify(each)));
    }
    case "uniqueItems":
      return ours === true || theirs === true;
    case "required":
    case "pattern":
    case "format":
    case NEGATED:
      return [...new Set([ours, theirs].flat())];
    case "properties":
    case "patternProperties":
    case "additionalProperties":
      return ours;
    case "unevaluatedProperties":
      return ours === true ? theirs : ours;
    case "items":
    case "propertyNames":
      if (!Array.isArray(ours) && !Array.isArray(theirs))
        return { allOf: [ours, theirs] };
  }
  throw unsupportedConstraint(
    `keyword “${key}” has different values in two parts of allOf; merge them.`,
  );
}

/** Each property has to satisfy both schemas. */
function mergeObjects(
  schema: Record<string, unknown>,
  a: NormalisedSchema,
  b: NormalisedSchema,
): void {
  const names = new Set([a, b].flatMap((s) => Object.keys(propertiesOf(s))));
  const rest = [a, b].map((each) => each["additionalProperties"] ?? true);
  const patterned = [a, b].filter((s) => s["patternProperties"] !== undefined);
  if (patterned.length > 1)
    throw unsupportedConstraint(
      "keyword “patternProperties” is in two parts of allOf; merge them.",
    );
  const properties = Object.fromEntries(
    [...names].map((name) => {
      const parts = [a, b].flatMap((part) => schemasOf(part, name));
      return [name, allOf(parts)];
    }),
  );
  if (names.size > 0) schema["properties"] = properties;
  const open = rest.filter((each) => each !== true);
  if (open.length > 0) schema["additionalProperties"] = allOf(open);
}

/** The schemas that the value of a property has to satisfy. */
export function schemasOf(schema: NormalisedSchema, name: string): unknown[] {
  const named = propertiesOf(schema);
  const patterns = Object.entries(
    (schema["patternProperties"] ?? {}) as SchemaObject,
  ).filter(([pattern]) => searches(pattern, name));
  const parts = patterns.map(([, each]) => each);
  if (Object.hasOwn(named, name)) parts.unshift(named[name]);
  if (parts.length > 0) return parts;
  const rest =
    schema["additionalProperties"] ?? schema["unevaluatedProperties"];
  return [rest ?? true];
}

/** One schema for all parts. */
export function allOf(parts: readonly unknown[]): unknown {
  const [only = true, ...others] = parts.filter((part) => part !== true);
  return others.length === 0 ? only : { allOf: [only, ...others] };
}

/** Whether a pattern of a schema matches; patterns are Unicode, if they can be. */
export function searches(pattern: string, text: string): boolean {
  return patternOf(pattern).test(text);
}

export function patternOf(source: string): RegExp {
  try {
    return new RegExp(source, "u");
  } catch (error) {
    try {
      return new RegExp(source);
    } catch {
      throw unsupportedConstraint(
        `“pattern” ${JSON.stringify(source)} is not a valid regular expression: ${String(error)}`,
        error,
      );
    }
  }
}
export function propertiesOf(
  schema: NormalisedSchema,
): Record<string, unknown> {
  return (schema["properties"] ?? {}) as Record<string, unknown>;
}

export function typesOf({ type }: NormalisedSchema): string[] {
  const all = ["object", "array", "string", "number", "boolean", "null"];
  return type === undefined ? all : ([type].flat() as string[]);
}

function commonTypes(a: unknown, b: unknown): string[] {
  const [ours, theirs] = [[a].flat(), [b].flat()] as [string[], string[]];
  const has = (types: string[], type: string): boolean =>
    types.includes(type) || (type === "integer" && types.includes("number"));
  const kept = [
    ...ours.filter((type) => has(theirs, type)),
    ...theirs.filter((type) => has(ours, type)),
  ];
  return [...new Set(kept)];
}

/** The values of the schema as JSON; undefined if it does not list them. */
export function valuesOf(schema: NormalisedSchema): string[] | undefined {
  const listed = schema["enum"] as unknown[] | undefined;
  return listed?.map((each) => JSON.stringify(each));
}

function typeOf(text: string): string {
  const value: unknown = JSON.parse(text);
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

function listOf(value: unknown): Schema[] {
  return Array.isArray(value) ? (value as Schema[]) : [];
}
