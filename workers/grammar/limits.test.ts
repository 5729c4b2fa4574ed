import { expect, test } from "vitest";
import { accepts, grammar } from "../testing/nano-grammar";

const regex = (source: string) =>
  grammar.constrain({ type: "regex", source, flags: "" }, "", 4096);
const json = (schema: unknown) =>
  grammar.constrain({ type: "json", schema }, "", 4096);

/** `count` values inside one another. */
function nest(count: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = { type: "null" };
  for (let i = 0; i < count; i++) value = wrap(value);
  return value;
}

const around = (count: number, open: string, close: string): string =>
  `${open.repeat(count)}a${close.repeat(count)}`;

test.each([
  ["alternatives", "a|".repeat(50_000) + "b", "b"],
  ["characters in a class", `[${"ab".repeat(50_000)}]`, "b"],
  ["nested groups", around(1000, "(", ")"), "a"],
])("a pattern may have many %s", (_, source, text) => {
  expect(accepts(regex(source), text)).toBe(true);
});

test("a pattern of 100,000 characters is refused with the tokens that it needs", () => {
  expect(() => regex("a".repeat(100_000))).toThrow(/needs 100001 tokens/);
});

const deep =
  /^The response constraint cannot be used: it is nested too deeply\.$/;

test.each([
  ["nested groups", around(10_000, "(", ")")],
  ["nested repetitions", around(10_000, "(?:", ")?")],
  ["nested assertions", around(10_000, "(?=", ")")],
  ["assertions", `${"(?=a)".repeat(10_000)}a`],
  ["optional characters", "a?".repeat(50_000)],
])("rejects a pattern of too many %s with bad-option", (_, source) => {
  expect(() => regex(source)).toThrow(
    expect.objectContaining({
      code: "bad-option",
      message: expect.stringMatching(deep) as string,
    }),
  );
});

test.each<[string, unknown]>([
  ["properties", nest(5000, (a) => ({ type: "object", properties: { a } }))],
  ["items", nest(5000, (items) => ({ type: "array", items }))],
  ["anyOf", nest(5000, (each) => ({ anyOf: [each] }))],
  ["not", nest(5000, (not) => ({ not }))],
  ["const", { const: nest(5000, (each) => [each]) }],
])("rejects a schema with 5,000 nested %s with bad-option", (_, schema) => {
  expect(() => json(schema)).toThrow(
    expect.objectContaining({
      code: "bad-option",
      message: expect.stringMatching(deep) as string,
    }),
  );
});

test.each<[string, unknown, RegExp]>([
  ["itself", { $ref: "#" }, /must not refer to itself/],
  [
    "one that refers to it",
    {
      $ref: "#/$defs/a",
      $defs: { a: { $ref: "#/$defs/b" }, b: { $ref: "#/$defs/a" } },
    },
    /must not refer to itself/,
  ],
  [
    "itself in a required property",
    { type: "object", properties: { a: { $ref: "#" } }, required: ["a"] },
    /no value satisfies/,
  ],
])("rejects a schema that refers to %s", (_, schema, message) => {
  expect(() => json(schema)).toThrow(message);
});

test("a schema may refer to itself in an optional property", () => {
  const tree = { type: "object", properties: { a: { $ref: "#" } } };
  const constraint = json({ ...tree, additionalProperties: false });
  expect(accepts(constraint, `{"a": {"a": {}}}`)).toBe(true);
});

test("an error contains only the beginning of a long pattern", () => {
  expect(() => regex(`(${"a".repeat(100_000)}`)).toThrow(
    expect.objectContaining({
      message: expect.stringMatching(/^.{60,400}$/) as string,
    }),
  );
});
