import { isObject } from "../../src/shared/options";
import { ConstraintError } from "./errors";

export type SchemaObject = Readonly<Record<string, unknown>>;
export type Schema = boolean | SchemaObject;

const TYPES = [
  "object",
  "array",
  "string",
  "number",
  "integer",
  "boolean",
  "null",
];

type Check = readonly [expected: string, is: (value: unknown) => boolean];

const count: Check = [
  "a non-negative integer",
  (value) => Number.isInteger(value) && Number(value) >= 0,
];
const number: Check = ["a number", (value) => typeof value === "number"];
/** OpenAPI 3.0 and draft 4 have boolean limits. */
const limit: Check = [
  "a number",
  (value) => typeof value === "number" || typeof value === "boolean",
];
const string: Check = ["a string", (value) => typeof value === "string"];
const boolean: Check = ["a boolean", (value) => typeof value === "boolean"];
const strings: Check = [
  "an array of strings",
  (value) =>
    Array.isArray(value) && value.every((each) => typeof each === "string"),
];
const types: Check = [
  `one of ${TYPES.join(", ")}, or an array of them`,
  (value) =>
    [value].flat().length > 0 &&
    [value].flat().every((each) => TYPES.includes(each as string)),
];
const array: Check = ["an array", Array.isArray];
const schema: Check = ["a schema (an object or a boolean)", isSchema];
const schemas: Check = [
  "a non-empty array of schemas",
  (value) => Array.isArray(value) && value.length > 0 && value.every(isSchema),
];
const namedSchemas: Check = [
  "an object of schemas",
  (value) => isObject(value) && Object.values(value).every(isSchema),
];
/** Names of required properties or, in draft 7, a schema. */
const dependents: Check = [
  "an object of arrays or schemas",
  (value) =>
    isObject(value) &&
    Object.values(value).every((each) => strings[1](each) || isSchema(each)),
];
const schemaOrSchemas: Check = [
  "a schema or an array of schemas",
  (value) => isSchema(value) || (Array.isArray(value) && value.every(isSchema)),
];

const KEYWORDS: Readonly<Record<string, Check>> = {
  type: types,
  enum: array,
  minimum: number,
  maximum: number,
  exclusiveMinimum: limit,
  exclusiveMaximum: limit,
  multipleOf: [
    "a positive number",
    (value) => typeof value === "number" && value > 0,
  ],
  minLength: count,
  maxLength: count,
  pattern: string,
  format: string,
  properties: namedSchemas,
  patternProperties: namedSchemas,
  additionalProperties: schema,
  unevaluatedProperties: schema,
  propertyNames: schema,
  required: strings,
  minProperties: count,
  maxProperties: count,
  dependentRequired: dependents,
  dependentSchemas: namedSchemas,
  dependencies: dependents,
  items: schemaOrSchemas,
  prefixItems: schemas,
  additionalItems: schema,
  unevaluatedItems: schema,
  minItems: count,
  maxItems: count,
  uniqueItems: boolean,
  contains: schema,
  minContains: count,
  maxContains: count,
  allOf: schemas,
  anyOf: schemas,
  oneOf: schemas,
  not: schema,
  if: schema,
  then: schema,
  else: schema,
  nullable: boolean,
  $ref: string,
  $defs: namedSchemas,
  definitions: namedSchemas,
};

/** Keywords that restrict answers and cannot be honoured. */
const UNSUPPORTED = ["$dynamicRef", "$recursiveRef"];

/** A schema whose keywords have valid values. */
export class SchemaDocument {
  readonly root: Schema;
  readonly #pointers = new Map<unknown, string>();
  /** Schemas by `$id`, or by `#` and `$anchor`. */
  readonly #names = new Map<string, unknown>();

  /** Throws if a keyword has an invalid value or cannot be honoured. */
  constructor(root: unknown) {
    if (!isSchema(root))
      throw new ConstraintError("a schema must be an object or a boolean.");
    this.root = root;
    this.#visit(root, "#");
  }

  /** The JSON pointer of a schema object of the document. */
  pointerOf(schema: unknown): string | undefined {
    return this.#pointers.get(schema);
  }

  /** The schema that a `$ref` refers to. */
  resolve(reference: string): Schema {
    const named = this.#names.get(reference);
    if (isSchema(named)) return named;
    const found = reference.startsWith("#") ? this.#find(reference) : undefined;
    if (isSchema(found)) {
      // A schema outside of $defs, such as `#/components/schemas/Pet`.
      if (isObject(found) && !this.#pointers.has(found))
        this.#visit(found, reference);
      return found;
    }
    throw new ConstraintError(
      `$ref ${JSON.stringify(reference)} does not refer to a part of this schema.`,
    );
  }

  #find(pointer: string): unknown {
    let at: unknown = this.root;
    for (const part of pointer.split("/").slice(1)) {
      const name = decodeURIComponent(part)
        .replaceAll("~1", "/")
        .replaceAll("~0", "~");
      if (typeof at !== "object" || at === null) return undefined;
      if (!Object.hasOwn(at, name)) return undefined;
      at = (at as Record<string, unknown>)[name];
    }
    return at;
  }

  #visit(schema: unknown, pointer: string): void {
    if (!isObject(schema)) return;
    this.#pointers.set(schema, pointer);
    const { $id, $anchor } = schema;
    if (typeof $id === "string") this.#names.set($id, schema);
    if (typeof $anchor === "string") this.#names.set(`#${$anchor}`, schema);
    for (const [keyword, value] of Object.entries(schema)) {
      if (UNSUPPORTED.includes(keyword))
        throw new ConstraintError(
          `keyword “${keyword}” is not supported; remove it.`,
          { pointer },
        );
      // Unknown keywords are annotations.
      const check = KEYWORDS[keyword];
      if (check === undefined || !Object.hasOwn(KEYWORDS, keyword)) continue;
      const [expected, is] = check;
      if (!is(value))
        throw new ConstraintError(
          `“${keyword}” must be ${expected}; it is ${JSON.stringify(value)}.`,
          { pointer },
        );
      this.#visitChildren(check, value, `${pointer}/${keyword}`);
    }
  }

  #visitChildren(check: Check, value: unknown, pointer: string): void {
    if (check === schema) this.#visit(value, pointer);
    if (
      check === namedSchemas ||
      check === dependents ||
      check === schemas ||
      check === schemaOrSchemas
    ) {
      if (isSchema(value) && check === schemaOrSchemas) {
        this.#visit(value, pointer);
        return;
      }
      for (const [name, each] of Object.entries(value as object)) {
        this.#visit(each, `${pointer}/${escapePointer(name)}`);
      }
    }
  }
}

export function escapePointer(name: string): string {
  return name.replaceAll("~", "~0").replaceAll("/", "~1");
}

function isSchema(value: unknown): value is Schema {
  return isObject(value) || typeof value === "boolean";
}
