import {
  NEGATED,
  schemasOf,
  searches,
  typesOf,
  type NormalisedSchema,
  type SchemaNormaliser,
} from "./normalise-schema";

/** Whether a value satisfies a schema; for the values of enum. */
export function satisfies(
  value: unknown,
  schema: unknown,
  normaliser: SchemaNormaliser,
): boolean {
  return normaliser
    .normalise(schema)
    .some((each) => satisfiesAll(value, each, normaliser));
}

/** Whether a value satisfies all keywords of a normalised schema. */
export function satisfiesAll(
  value: unknown,
  schema: NormalisedSchema,
  normaliser: SchemaNormaliser,
): boolean {
  const is = (each: unknown, part: unknown): boolean =>
    satisfies(each, part ?? true, normaliser);
  const within = (size: number, min: string, max: string): boolean =>
    size >= Number(schema[min] ?? -Infinity) &&
    size <= Number(schema[max] ?? Infinity);
  const { enum: listed, [NEGATED]: negated } = schema;
  const text = JSON.stringify(value);
  if (
    Array.isArray(listed) &&
    !listed.some((each) => JSON.stringify(each) === text)
  )
    return false;
  if ([negated ?? []].flat().some((part) => is(value, part))) return false;
  if (!typesOf(schema).some((type) => hasType(value, type))) return false;
  if (typeof value === "string") {
    const patterns = [schema["pattern"] ?? []].flat() as string[];
    return (
      within([...value].length, "minLength", "maxLength") &&
      patterns.every((pattern) => searches(pattern, value))
    );
  }
  if (typeof value === "number") {
    const { exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
    return (
      within(value, "minimum", "maximum") &&
      value > Number(exclusiveMinimum ?? -Infinity) &&
      value < Number(exclusiveMaximum ?? Infinity) &&
      (multipleOf === undefined || Number.isInteger(value / Number(multipleOf)))
    );
  }
  if (Array.isArray(value)) {
    const { prefixItems, items, additionalItems, contains } = schema;
    const first = (prefixItems ?? (Array.isArray(items) ? items : [])) as [];
    const rest = Array.isArray(items) ? additionalItems : items;
    const texts = value.map((each) => JSON.stringify(each));
    const contained = value.filter((each) => is(each, contains));
    return (
      within(value.length, "minItems", "maxItems") &&
      value.every((each, at) =>
        is(each, at < first.length ? first[at] : rest),
      ) &&
      (schema["uniqueItems"] !== true ||
        new Set(texts).size === texts.length) &&
      (contains === undefined ||
        (contained.length >= Number(schema["minContains"] ?? 1) &&
          contained.length <= Number(schema["maxContains"] ?? Infinity)))
    );
  }
  if (typeof value === "object" && value !== null) {
    const names = Object.keys(value);
    const required = (schema["required"] ?? []) as string[];
    return (
      within(names.length, "minProperties", "maxProperties") &&
      required.every((name) => names.includes(name)) &&
      Object.entries(value).every(
        ([name, each]) =>
          is(name, schema["propertyNames"]) &&
          schemasOf(schema, name).every((part) => is(each, part)),
      )
    );
  }
  return true;
}

function hasType(value: unknown, type: string): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "integer") return Number.isInteger(value);
  if (type === "object") {
    return typeof value === "object" && value !== null && !Array.isArray(value);
  }
  return typeof value === type;
}
