import { expect, test } from "vitest";
import { parseConstraint } from "./constraint";

test("a schema is copied, without what JSON does not have", () => {
  const schema = { type: "object", default: undefined, note: () => 1 };
  expect(parseConstraint(schema)).toStrictEqual({
    type: "json",
    schema: { type: "object" },
  });
  expect(parseConstraint(true)).toStrictEqual({ type: "json", schema: true });
});

test("a regular expression is its source and flags", () => {
  expect(parseConstraint(/a\/b/gi)).toStrictEqual({
    type: "regex",
    source: "a\\/b",
    flags: "gi",
  });
});

const cyclic: Record<string, unknown> = {};
cyclic["self"] = cyclic;

test.each([
  ["a cycle", cyclic],
  ["a big number", { const: 1n }],
  ["a function", () => true],
  ["a text", "object"],
  ["a list", [{ type: "object" }]],
  ["null", null],
  ["nothing", undefined],
  ["what becomes nothing", { toJSON: () => undefined }],
])("%s is a bad option", (_, value) => {
  expect(() => parseConstraint(value)).toThrow(
    expect.objectContaining({ code: "bad-option" }),
  );
});
