/** Keywords by which an object may have to have what is named elsewhere. */
const SHARED = [
  "allOf",
  "not",
  "if",
  "dependencies",
  "dependentSchemas",
  "unevaluatedProperties",
  "$dynamicRef",
];
/** Each alone is no reason; together they are. */
const PARTS = [["properties", "required"], ["anyOf"], ["oneOf"], ["$ref"]];
/** Keywords by which an object says itself what else it may have. */
const OPEN = ["additionalProperties", "patternProperties"];

/**
 * A schema that allows less: an object with named properties has no others,
 * unless it says so. A model that may name them itself tends to go on for ever.
 */
export function simplify(schema: unknown): unknown {
  return isShared(schema) ? schema : close(schema);
}

function close(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(close);
  if (!isObject(schema)) return schema;
  const entries = Object.entries(schema).map(([key, value]) => {
    // What stands there is data, not a schema.
    if (["const", "enum", "default", "examples"].includes(key)) {
      return [key, value];
    }
    const named = ["properties", "$defs", "definitions", "patternProperties"];
    if (named.includes(key) && isObject(value)) {
      const inside = Object.entries(value);
      return [key, entriesOf(inside.map(([name, one]) => [name, close(one)]))];
    }
    return [key, close(value)];
  });
  const closed = entriesOf(entries as [string, unknown][]);
  const { properties, required } = schema;
  const says = OPEN.some((key) => Object.hasOwn(schema, key));
  if (!isObject(properties) || says) return closed;
  const names = Array.isArray(required) ? (required as unknown[]) : [];
  const all = names.every((name) => Object.hasOwn(properties, String(name)));
  return all ? { ...closed, additionalProperties: false } : closed;
}

function isShared(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.some(isShared);
  if (!isObject(schema)) return false;
  const has = (key: string): boolean => Object.hasOwn(schema, key);
  if (SHARED.some(has)) return true;
  if (PARTS.filter((keys) => keys.some(has)).length > 1) return true;
  return Object.values(schema).some(isShared);
}

/** `__proto__` may be a name like any other. */
function entriesOf(entries: readonly (readonly [string, unknown])[]): object {
  return Object.fromEntries(entries);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
