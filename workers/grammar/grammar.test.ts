import { describe, expect, test } from "vitest";
import type { Constraint } from "../../src/shared/protocol";
import { randomAnswer as sampleRandomly } from "../testing/random-answer";
import { accepts, end, grammar, tokenizer } from "../testing/nano-grammar";
import type { TokenConstraint } from "./token-constraint";

function wander(constraint: TokenConstraint, seed: number, most = 400): string {
  return sampleRandomly(constraint, { tokenizer, end }, seed, most).text;
}

const json = (schema: unknown): Constraint => ({ type: "json", schema });
const constrain = (constraint: Constraint, prefix = "", room = 400) =>
  grammar.constrain(constraint, prefix, room);

const shape = {
  type: "object",
  properties: {
    color: { enum: ["red", "green", "blau"] },
    sides: { type: "integer", minimum: 3, maximum: 12 },
    at: {
      type: "array",
      items: { type: "number", minimum: -1, maximum: 1 },
      minItems: 2,
      maxItems: 2,
    },
    note: { type: "string" },
    more: { anyOf: [{ type: "boolean" }, { type: "null" }] },
  },
  required: ["color", "sides", "at", "more"],
};

describe("JSON", () => {
  test("accepts texts that the schema allows, and no others", () => {
    const yes = '{"color": "blau", "sides": 4, "at": [0.5, -1], "more": null}';
    expect(accepts(constrain(json(shape)), yes)).toBe(true);
    for (const [from, to] of [
      ["blau", "pink"],
      ["4", "2"],
      ["4", "4.5"],
      ["0.5, ", ""],
      ["-1", "-1.5"],
      [', "more": null', ""],
      ["null", "nul"],
    ] as const) {
      const no = yes.replace(from, to);
      expect(accepts(constrain(json(shape)), no), no).toBe(false);
    }
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    "random sampling gives a valid object (seed %i)",
    (seed) => {
      const said: unknown = JSON.parse(wander(constrain(json(shape)), seed));
      expect(said).toMatchObject({
        color: expect.stringMatching(/^(red|green|blau)$/) as string,
        at: [expect.any(Number), expect.any(Number)] as number[],
      });
      const { sides, more } = said as { sides: number; more: unknown };
      expect(Number.isInteger(sides) && sides >= 3 && sides <= 12).toBe(true);
      expect([true, false, null]).toContain(more);
    },
  );

  test.each([
    [{ type: "object" }],
    [{ type: "array", items: { type: "string" } }],
    [{ type: "string" }],
    [{ type: "integer" }],
    [{ type: "object", additionalProperties: { type: "array" } }],
    [true],
    [
      {
        type: "object",
        properties: { text: { type: "string" }, count: { type: "number" } },
        required: ["text", "count"],
      },
    ],
  ])("random sampling of %j ends within the token limit", (schema) => {
    for (let seed = 1; seed <= 5; seed++) {
      const text = wander(constrain(json(schema), "", 120), seed, 120);
      expect(() => JSON.parse(text) as unknown, text).not.toThrow();
    }
  });

  test("accepts a recursive schema with definitions", () => {
    const tree = {
      $ref: "#/$defs/node",
      $defs: {
        node: {
          type: "object",
          properties: {
            name: { const: "n" },
            sub: {
              type: "array",
              items: { $ref: "#/$defs/node" },
              maxItems: 2,
            },
          },
          required: ["name", "sub"],
          additionalProperties: false,
        },
      },
    };
    const made = constrain(json(tree));
    const text = '{"name":"n","sub":[{"name":"n","sub":[]}]}';
    expect(accepts(made, text)).toBe(true);
  });

  test("continues a prefix, and rejects with bad-option when it cannot be one", () => {
    const made = constrain(json(shape), '{"color": "gr');
    const rest = 'een", "sides": 3, "at": [0, 0], "more": true}';
    expect(accepts(made, rest)).toBe(true);
    const wide = constrain(json(shape), '\n{\r\n\t  "color"  :\t "gr');
    expect(accepts(wide, rest)).toBe(true);
    expect(() => constrain(json(shape), '{"colour":')).toThrow(
      expect.objectContaining({ code: "bad-option" }),
    );
  });

  test.each<[string, unknown]>([
    ["an unknown type", { type: "soup" }],
    ["schema false", false],
    ["an enum of another type", { type: "string", enum: [1, 2] }],
    ["bounds that cross", { type: "integer", minimum: 3, maximum: 2 }],
    ["a $ref to another document", { $ref: "https://example.org/schema" }],
    ["a dangling $ref", { $ref: "#/$defs/none" }],
    ["an invalid enum", { enum: "red" }],
    ["a number instead of a schema", 7],
    ["an array instead of a schema", [{ type: "string" }]],
    ["a negation of a number", { type: "number", not: { minimum: 3 } }],
    ["an invalid pattern", { type: "string", pattern: "(" }],
    [
      "overlapping alternatives of oneOf",
      { oneOf: [{ type: "number" }, { type: "integer" }] },
    ],
    ["a schema that refers to itself directly", { $ref: "#" }],
    [
      "endless recursion",
      {
        type: "object",
        properties: { sub: { $ref: "#" } },
        required: ["sub"],
      },
    ],
    [
      "contradicting parts of allOf",
      { allOf: [{ type: "string" }, { type: "number" }] },
    ],
  ])("rejects with bad-option for %s", (_, schema) => {
    expect(() => constrain(json(schema))).toThrow(
      expect.objectContaining({
        code: "bad-option",
        message: expect.stringMatching(
          /^The response constraint cannot be used: /,
        ) as string,
      }),
    );
  });
});

const object = (properties: object) => ({
  type: "object",
  properties,
  required: Object.keys(properties),
});

test.each<[pointer: string, schema: unknown]>([
  ["#/properties/age", object({ age: { type: "soup" } })],
  ["#/properties/age", object({ age: { minimum: "3" } })],
  [
    "#/properties/age",
    object({ age: { type: "integer", minimum: 3, maximum: 2 } }),
  ],
  ["#/properties/a~1b", object({ "a/b": { type: "string", pattern: "(" } })],
  [
    "#/properties/a",
    object({ a: { type: "string", pattern: "^a{5}$", maxLength: 3 } }),
  ],
  [
    "#/properties/list/items/properties/zip",
    object({
      list: {
        type: "array",
        items: object({ zip: { type: "string", pattern: "(a)\\1" } }),
        minItems: 1,
      },
    }),
  ],
  ["#/properties/next", object({ next: { $ref: "#/$defs/none" } })],
  ["#/properties/next", object({ next: { $dynamicRef: "#next" } })],
  [
    "#/$defs/Pet/properties/legs",
    {
      ...object({ pet: { $ref: "#/$defs/Pet" } }),
      $defs: { Pet: object({ legs: { enum: [] } }) },
    },
  ],
  [
    "#/properties/number",
    object({ number: { oneOf: [{ type: "number" }, { type: "integer" }] } }),
  ],
])("the error names %s in %j", (pointer, schema) => {
  expect(() => constrain(json(schema))).toThrow(
    expect.objectContaining({
      code: "bad-option",
      message: expect.stringContaining(`: at ${pointer}, `) as string,
    }),
  );
});
