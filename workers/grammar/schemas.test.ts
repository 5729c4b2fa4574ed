import Ajv from "ajv";
import { expect, test } from "vitest";
import { randomAnswer } from "../testing/random-answer";
import { end, grammar, tokenizer } from "../testing/nano-grammar";
import { hasBit } from "./token-masks";

const ajv = new Ajv({ nullable: true, unknownFormats: ["int32"] });

/** The schema with the array keywords of draft 7, which Ajv 6 validates. */
function draft7(schema: object | boolean): object | boolean {
  return JSON.parse(JSON.stringify(schema), (_, value: unknown) => {
    if (typeof value !== "object" || value === null) return value;
    const { $schema: _dialect, ...rest } = value as Record<string, unknown>;
    if (Array.isArray(value) || !("prefixItems" in rest)) {
      return Array.isArray(value) ? value : rest;
    }
    const { prefixItems, items, ...others } = rest;
    return { ...others, items: prefixItems, additionalItems: items };
  }) as object | boolean;
}

const digit = { type: "integer", minimum: 0, maximum: 9 };
const named = (t: string, more: object, needed: string[]) => ({
  type: "object",
  properties: { t: { const: t }, ...more },
  required: ["t", ...needed],
});

const schemas: (object | boolean)[] = [
  {},
  true,
  { type: "null" },
  { type: ["string", "null"], maxLength: 5 },
  { type: "string", minLength: 3, maxLength: 9 },
  { type: "string", const: "" },
  { enum: [1, 22, 333, "a", null, true, [], { a: [1, "b"] }] },
  { enum: ["two words", "com,ma", 'qu"ote', "back\\slash", "smile 😀", "ä"] },
  { enum: [0.1, 0.25, 1e21, -0.5] },
  { anyOf: [{ const: "a" }, { const: "bc" }, digit] },
  { oneOf: [{ type: "null" }, { type: "string", maxLength: 3 }] },
  { type: "integer", minimum: -100, maximum: -7 },
  { type: "integer", multipleOf: 7, minimum: 10, maximum: 20 },
  { type: "integer", minimum: 1_000_000, maximum: 1_000_005 },
  { type: "number", minimum: 0, maximum: 5 },
  { type: "number", multipleOf: 0.25, minimum: -1, maximum: 1 },
  { type: "number", exclusiveMinimum: 0, exclusiveMaximum: 1 },
  { type: "number", minimum: 1e-8, maximum: 2e-8 },
  { type: "number", minimum: -1e20, maximum: 1e16 },
  {
    type: "array",
    items: { enum: ["x", "y", "z"] },
    uniqueItems: true,
    minItems: 2,
  },
  { type: "array", items: { type: "string" }, uniqueItems: true },
  {
    type: "array",
    items: { type: "string", pattern: "^[ab]?$" },
    uniqueItems: true,
    minItems: 1,
  },
  {
    type: "array",
    items: { type: "string", pattern: "^one$" },
    uniqueItems: true,
  },
  {
    type: "array",
    items: { type: "string", pattern: "^[0-9]{1,2}$", not: { enum: ["7"] } },
    uniqueItems: true,
    maxItems: 20,
  },
  { type: "array", prefixItems: [{ type: "boolean" }, digit], items: false },
  {
    type: "array",
    items: [{ type: "boolean" }],
    additionalItems: digit,
    maxItems: 4,
  },
  {
    type: "array",
    items: { type: "array", items: digit, minItems: 4, maxItems: 4 },
  },
  { type: "object", additionalProperties: digit, maxProperties: 3 },
  { type: "object", additionalProperties: false },
  {
    type: "object",
    properties: { a: digit, b: digit, c: digit },
    minProperties: 2,
  },
  { type: "object", properties: { a: digit, b: digit }, maxProperties: 1 },
  { type: "object", properties: { a: digit }, required: ["a", "b"] },
  {
    type: "object",
    properties: { "ä b": digit, "": digit },
    required: ["ä b"],
  },
  { type: "object", properties: { a: digit }, dependentRequired: { a: ["b"] } },
  {
    allOf: [
      { type: "object", properties: { a: { minimum: 3 } } },
      { properties: { a: digit, b: { const: 1 } }, required: ["a", "b"] },
    ],
  },
  {
    anyOf: [
      named("a", { n: digit }, ["n"]),
      named("b", { s: { type: "null" } }, []),
    ],
  },
  {
    oneOf: [
      named("a", { n: digit }, ["n"]),
      named("b", { s: { type: "null" } }, []),
    ],
  },
  {
    type: "object",
    properties: { kind: { $ref: "#/$defs/kind" }, next: { $ref: "#" } },
    required: ["kind"],
    $defs: { kind: { enum: ["leaf", "twig"] } },
  },
  {
    $ref: "#/definitions/list",
    definitions: {
      list: {
        anyOf: [{ type: "null" }, { type: "array", items: { $ref: "#" } }],
      },
    },
  },
  { type: "string", pattern: "^[\\u4e00-\\u9fff]{2,4}$" },
  { type: "string", pattern: "(a|é|😀)+", maxLength: 12 },
  { allOf: [{ type: "string", pattern: "^a" }, { pattern: "z$" }] },
  { type: "string", not: { pattern: "[aeiou]" }, maxLength: 9 },
  { type: "string", not: { enum: ["a", "b"] }, minLength: 1, maxLength: 1 },
  { not: { type: ["object", "array", "string", "number"] } },
  { type: "object", properties: { a: digit }, not: { required: ["a", "b"] } },
  {
    type: "object",
    properties: { kind: { enum: ["a", "b"] }, n: digit },
    required: ["kind"],
    if: { properties: { kind: { const: "a" } } },
    then: { required: ["n"] },
    else: { properties: { n: { minimum: 5 } } },
  },
  {
    type: "object",
    properties: { a: digit, b: digit },
    dependencies: { a: ["b"], b: { properties: { a: { maximum: 3 } } } },
  },
  { type: "array", items: digit, contains: { const: 3 }, maxItems: 4 },
  { type: "array", items: digit, minItems: 3, maxItems: 5000 },
  { enum: Array.from({ length: 5000 }, (_, i) => `item ${i}`) },
  {
    type: "object",
    propertyNames: { pattern: "^[a-z]{1,5}$" },
    additionalProperties: digit,
  },
  {
    type: "object",
    patternProperties: { "^x_": digit, _y$: { type: "boolean" } },
    additionalProperties: false,
  },
  {
    type: "object",
    properties: { a: { type: "string", maxLength: 5 } },
    patternProperties: { "^x_": digit },
    required: ["a", "x_1"],
    additionalProperties: false,
  },
  ...["date", "time", "date-time", "email", "hostname"].map(format),
  ...["ipv4", "ipv6", "uri", "uri-reference", "uuid", "json-pointer"].map(
    format,
  ),
];

function format(name: string) {
  return { type: "string", format: name, maxLength: 80 };
}

/** As Zod 4 writes them. */
const zod = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  properties: {
    id: {
      type: "string",
      format: "uuid",
      pattern:
        "^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}|00000000-0000-0000-0000-000000000000)$",
    },
    email: {
      type: "string",
      format: "email",
      pattern:
        "^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$",
    },
    age: { type: "integer", minimum: 0, maximum: 150 },
    tags: {
      type: "array",
      maxItems: 3,
      items: { type: "string", minLength: 1, maxLength: 20 },
    },
    note: { anyOf: [{ type: "string", maxLength: 5 }, { type: "null" }] },
    scores: {
      type: "object",
      propertyNames: { type: "string", enum: ["a", "b"] },
      additionalProperties: { type: "number" },
      required: ["a", "b"],
    },
    never: { not: {} },
  },
  required: ["id", "email", "age", "tags", "note", "scores"],
  additionalProperties: false,
};

/** As Pydantic 2 writes them. */
const pydantic = {
  $defs: {
    Color: { enum: ["red", "green"], title: "Color", type: "string" },
    Cat: {
      properties: {
        kind: { const: "cat", title: "Kind", type: "string" },
        name: { maxLength: 8, title: "Name", type: "string" },
      },
      required: ["kind", "name"],
      title: "Cat",
      type: "object",
    },
    Dog: {
      properties: {
        kind: { const: "dog", title: "Kind", type: "string" },
        barks: { default: true, title: "Barks", type: "boolean" },
      },
      required: ["kind"],
      title: "Dog",
      type: "object",
    },
  },
  properties: {
    color: { $ref: "#/$defs/Color", description: "Its color" },
    pet: {
      discriminator: {
        mapping: { cat: "#/$defs/Cat", dog: "#/$defs/Dog" },
        propertyName: "kind",
      },
      oneOf: [{ $ref: "#/$defs/Cat" }, { $ref: "#/$defs/Dog" }],
      title: "Pet",
    },
    age: {
      anyOf: [{ exclusiveMinimum: 0, type: "integer" }, { type: "null" }],
      default: null,
      title: "Age",
    },
    price: {
      anyOf: [
        { type: "number" },
        { pattern: "^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$", type: "string" },
      ],
    },
  },
  required: ["color", "pet", "price"],
  title: "Owner",
  type: "object",
};

/** As OpenAPI 3.0 writes them. */
const openApi = {
  oneOf: [
    { $ref: "#/components/schemas/Circle" },
    { $ref: "#/components/schemas/Square" },
  ],
  discriminator: { propertyName: "shape" },
  components: {
    schemas: {
      Shape: {
        type: "object",
        properties: { shape: { type: "string" } },
        required: ["shape"],
      },
      Circle: {
        allOf: [
          { $ref: "#/components/schemas/Shape" },
          {
            type: "object",
            properties: { radius: { type: "integer", format: "int32" } },
            required: ["radius"],
            example: { shape: "Circle", radius: 3 },
          },
        ],
      },
      Square: {
        allOf: [
          { $ref: "#/components/schemas/Shape" },
          {
            type: "object",
            properties: {
              label: { type: "string", nullable: true, maxLength: 6 },
              width: { type: "number", minimum: 0, maximum: 9 },
            },
            required: ["width", "label"],
            "x-internal": true,
          },
        ],
      },
    },
  },
};
schemas.push(zod, pydantic, openApi);

test.each([
  { type: "number", minimum: 1e20 },
  { type: "integer", exclusiveMaximum: -1e15 },
])("rejects a range whose numbers have too many digits: %j", (schema) => {
  const asked = { type: "json", schema } as const;
  expect(() => grammar.constrain(asked, "", 200)).toThrow(
    /at #, no value satisfies/,
  );
});

test("accepts whitespace in deeply repeated empty arrays", () => {
  const schema = { type: "array", items: { $ref: "#" } };
  const text = `[${Array.from({ length: 40 }, () => "[\n        ]").join(", ")}]`;
  const constraint = grammar.constrain({ type: "json", schema }, "", 2000);
  for (const id of [...tokenizer.encode(text), end]) {
    expect(hasBit(constraint.allowed(), id)).toBe(true);
    constraint.take(id);
  }
});

test.each(
  schemas.map(
    (schema) => [JSON.stringify(schema).slice(0, 120), schema] as const,
  ),
)(
  "random sampling of %s gives valid JSON within the token limit",
  (_, schema) => {
    const validate = ajv.compile(draft7(schema));
    for (let seed = 1; seed <= 12; seed++) {
      const asked = { type: "json", schema } as const;
      const made = grammar.constrain(asked, "", 200);
      const { text, ended } = randomAnswer(
        made,
        { tokenizer, end },
        seed * 7919,
        200,
      );
      expect(ended, text).toBe(true);
      expect(() => JSON.parse(text) as unknown, text).not.toThrow();
      expect(validate(JSON.parse(text)), text).toBe(true);
    }
  },
);

test("an array with uniqueItems has each string at most once", () => {
  const schema = {
    type: "array",
    items: { type: "string" },
    uniqueItems: true,
  };
  const constraint = { type: "json", schema } as const;
  const accepts = (text: string): boolean => {
    const made = grammar.constrain(constraint, "", 200);
    // One token for each byte: a token cannot reach into the next item.
    return [...text]
      .flatMap((char) => tokenizer.encode(char))
      .concat(end)
      .every((id) => {
        const isAllowed = hasBit(made.allowed(), id);
        if (isAllowed) made.take(id);
        return isAllowed;
      });
  };
  expect(accepts('["red", "green", "re", "redd", ""]')).toBe(true);
  expect(accepts('["red", "green", "red"]')).toBe(false);
  expect(accepts('["é", "e", "é"]')).toBe(false);
});
