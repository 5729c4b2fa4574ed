import { compileJsonSchema } from "structured-output/json";
import { unsupportedConstraint } from "./errors";

/** A schema without $ref, allOf, anyOf and oneOf. */
export type NormalisedSchema = Readonly<Record<string, unknown>>;
type Schema = boolean | NormalisedSchema;

/** Keywords that are compiled. */
const SUPPORTED_KEYWORDS = new Set(
  "type const enum minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength properties required additionalProperties minProperties maxProperties items prefixItems additionalItems minItems maxItems uniqueItems".split(
    " ",
  ),
);
/** Keywords that the library can check but that cannot guide generation. */
const UNSUPPORTED_KEYWORDS =
  "not if then else dependencies dependentSchemas patternProperties propertyNames contains minContains maxContains".split(
    " ",
  );
const DATA_KEYWORDS = ["const", "enum", "default", "examples"];
const NAME_KEYWORDS = ["properties", "$defs", "definitions"];
const MAX_REF_DEPTH = 32;

/** Throws if the schema is invalid or uses an unsupported keyword. */
export function checkSchema(schema: unknown): void {
  compileJsonSchema(schema);
  checkKeywords(schema);
}

function checkKeywords(schema: unknown): void {
  if (Array.isArray(schema)) schema.forEach(checkKeywords);
  if (!isObject(schema)) return;
  for (const [key, value] of Object.entries(schema)) {
    if (UNSUPPORTED_KEYWORDS.includes(key))
      throw unsupportedConstraint(
        `keyword “${key}” is not supported; remove it.`,
      );
    if (DATA_KEYWORDS.includes(key)) continue;
    // The keys of these objects are names, not keywords.
    if (NAME_KEYWORDS.includes(key) && isObject(value)) {
      Object.values(value).forEach(checkKeywords);
    } else {
      checkKeywords(value);
    }
  }
}

/** Resolves references and combinators: a schema becomes a list of alternatives. */
export class SchemaNormaliser {
  readonly #root: Schema;

  constructor(root: unknown) {
    this.#root = root as Schema;
  }

  normalise(schema: unknown, depth = 0): NormalisedSchema[] {
    if (depth > MAX_REF_DEPTH)
      throw unsupportedConstraint(
        `$ref or combinators are nested more than ${MAX_REF_DEPTH} deep; a schema must not refer to itself directly.`,
      );
    if (schema === false) return [];
    if (!isObject(schema)) return [{}];
    const all = schema;
    const own = Object.entries(all).filter(([key]) =>
      SUPPORTED_KEYWORDS.has(key),
    );
    let alternatives: NormalisedSchema[] = [
      { ...Object.fromEntries(own), ...requiredOf(all) },
    ];
    const combine = (others: readonly NormalisedSchema[]): void => {
      alternatives = alternatives.flatMap((a) =>
        others.flatMap((b) => merged(a, b)),
      );
    };
    const list = (key: string): NormalisedSchema[][] =>
      (Array.isArray(all[key]) ? (all[key] as unknown[]) : []).map((each) =>
        this.normalise(each, depth + 1),
      );
    if (typeof all["$ref"] === "string") {
      combine(this.normalise(this.#find(all["$ref"]), depth + 1));
    }
    for (const each of list("allOf")) combine(each);
    for (const key of ["anyOf", "oneOf"]) {
      if (!Array.isArray(all[key])) continue;
      const choices = list(key);
      if (key === "oneOf") checkDisjoint(choices);
      combine(choices.flat());
    }
    return alternatives;
  }

  #find(pointer: string): unknown {
    return pointer
      .split("/")
      .slice(1)
      .map((part) => decodeURIComponent(part))
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
      .reduce<unknown>(
        (at, part) => (at as Record<string, unknown>)[part],
        this.#root,
      );
  }
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
  if (/^(m|exclusiveM)in/.test(key)) {
    return Math.max(Number(ours), Number(theirs));
  }
  if (/^(m|exclusiveM)ax/.test(key)) {
    return Math.min(Number(ours), Number(theirs));
  }
  if (key === "type") return commonTypes(ours, theirs);
  if (key === "enum") {
    const texts = (theirs as unknown[]).map((each) => JSON.stringify(each));
    return (ours as unknown[]).filter((each) =>
      texts.includes(JSON.stringify(each)),
    );
  }
  if (key === "required") return [...(ours as []), ...(theirs as [])];
  if (key === "properties" || key === "additionalProperties") return ours;
  if (key === "items" && !Array.isArray(ours) && !Array.isArray(theirs)) {
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
  const [ours, theirs] = [propertiesOf(a), propertiesOf(b)];
  const rest = [a, b].map((each) => each["additionalProperties"] ?? true);
  const names = [...Object.keys(ours), ...Object.keys(theirs)];
  if (names.length === 0 && rest.every((each) => each === true)) return;
  const properties = names.map((name) => {
    const [one = rest[0], other = rest[1]] = [ours[name], theirs[name]];
    if (one === true) return [name, other];
    if (other === true) return [name, one];
    return [name, { allOf: [one, other] }];
  });
  if (names.length > 0) schema["properties"] = Object.fromEntries(properties);
  const open = rest.filter((each) => each !== true);
  if (open.length > 0) {
    schema["additionalProperties"] =
      open.length > 1 ? { allOf: open } : open[0];
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

/** The alternatives of oneOf must be provably disjoint. */
function checkDisjoint(
  choices: readonly (readonly NormalisedSchema[])[],
): void {
  choices.forEach((ones, i) => {
    for (const others of choices.slice(i + 1)) {
      if (ones.every((a) => others.every((b) => areDisjoint(a, b)))) continue;
      throw unsupportedConstraint(
        "alternatives of oneOf may overlap; use anyOf, or give each a different const property.",
      );
    }
  });
}

function areDisjoint(a: NormalisedSchema, b: NormalisedSchema): boolean {
  const [ours, theirs] = [valuesOf(a), valuesOf(b)];
  if (ours && theirs) return !ours.some((text) => theirs.includes(text));
  if (commonTypes(typesOf(a), typesOf(b)).length === 0) return true;
  const listed = ours ?? theirs;
  if (listed) {
    const types = typesOf(ours ? b : a);
    return listed.every((text) => !types.includes(typeOf(text)));
  }
  const [mine, yours] = [propertiesOf(a), propertiesOf(b)];
  const needs = (schema: NormalisedSchema): string[] =>
    (schema["required"] ?? []) as string[];
  const onlyObjects = [a, b].every((each) => typesOf(each).join() === "object");
  if (!onlyObjects) return false;
  // Generated objects have no properties other than the named ones.
  const lacks = (schema: NormalisedSchema, names: string[]): boolean =>
    names.some((name) => !Object.hasOwn(propertiesOf(schema), name));
  if (lacks(a, needs(b)) && lacks(b, needs(a))) return true;
  return needs(a)
    .filter((name) => needs(b).includes(name))
    .some((name) => {
      const [one, other] = [mine[name], yours[name]];
      if (typeof one !== "object" || typeof other !== "object") return false;
      return areDisjoint(
        (one ?? {}) as NormalisedSchema,
        (other ?? {}) as NormalisedSchema,
      );
    });
}

/** The values of const or enum as JSON; undefined without these keywords. */
export function valuesOf(schema: NormalisedSchema): string[] | undefined {
  const listed = schema["enum"] as unknown[] | undefined;
  if (!Object.hasOwn(schema, "const")) {
    return listed?.map((each) => JSON.stringify(each));
  }
  const only = JSON.stringify(schema["const"]);
  const all = listed?.map((each) => JSON.stringify(each));
  return all === undefined || all.includes(only) ? [only] : [];
}

function typeOf(text: string): string {
  const value: unknown = JSON.parse(text);
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

/** Treats properties of dependentRequired as always required. */
function requiredOf({
  required,
  dependentRequired,
}: NormalisedSchema): NormalisedSchema {
  if (!isObject(dependentRequired)) return {};
  const all = [required ?? [], ...Object.values(dependentRequired)].flat();
  return { required: [...new Set(all)] };
}

function isObject(value: unknown): value is NormalisedSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
