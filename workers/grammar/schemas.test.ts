import { readFileSync } from "node:fs";
import { compileJsonSchema } from "structured-output/json";
import { expect, test } from "vitest";
import { randomAnswer } from "../testing/random-answer";
import { Tokenizer } from "../model-files/tokenizer";
import { Grammar } from "./grammar";
import { schemaAutomaton } from "./schema-automaton";

const nano = new URL("../../public/models/nano/", import.meta.url);
const read = (file: string): unknown =>
  JSON.parse(readFileSync(new URL(file, nano), "utf8"));
const tokenizer = new Tokenizer(
  read("tokenizer.json"),
  read("tokenizer_config.json"),
);
const end = tokenizer.idOf("<|im_end|>") ?? 0;
const grammar = new Grammar(tokenizer, end);

/** Whether the independent library accepts the text. */
function allows(schema: unknown, text: string): boolean {
  const library = compileJsonSchema(schema);
  let state = library.initial;
  for (const byte of new TextEncoder().encode(text)) {
    state = library.transition(state, byte);
  }
  return library.accepting(state);
}

const digit = { type: "integer", minimum: 0, maximum: 9 };
const named = (t: string, more: object, needed: string[]) => ({
  type: "object",
  properties: { t: { const: t }, ...more },
  required: ["t", ...needed],
});

const schemas = [
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
];

test.each([
  { type: "number", minimum: 1e20 },
  { type: "integer", exclusiveMaximum: -1e15 },
])("rejects a range whose numbers have too many digits: %j", (schema) => {
  const asked = { type: "json", schema } as const;
  expect(() => grammar.constrain(asked, "", 200)).toThrow(/no text satisfies/);
});

test("accepts whitespace in deeply repeated empty arrays", () => {
  const list = { type: "array", items: { $ref: "#" } };
  const machine = schemaAutomaton(list);
  const text = `[${Array.from({ length: 40 }, () => "[\n        ]").join(", ")}]`;
  let state: ReturnType<typeof machine.next> = machine.initial;
  for (const byte of new TextEncoder().encode(text)) {
    state = state && machine.next(state, byte);
  }
  expect(state && machine.accepting(state)).toBe(true);
});

test.each(schemas.map((schema) => [JSON.stringify(schema), schema] as const))(
  "random sampling of %s gives valid JSON within the token limit",
  (_, schema) => {
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
      expect(allows(schema, text), text).toBe(true);
    }
  },
);
