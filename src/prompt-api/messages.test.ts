import { describe, expect, test } from "vitest";
import { parsePrompt } from "./messages";

const text = { images: false, later: false };
const image = new Blob(["x"]);
const read = (input: unknown, rules = text) => parsePrompt(input, rules);
const user = (words: string) => ({ role: "user", text: words, images: [] });

describe("what is no list is the user's words", () => {
  test.each([
    ["What is it?", "What is it?"],
    ["", ""],
    [null, "null"],
    [undefined, "undefined"],
    [{}, "[object Object]"],
    [{ role: "system", content: "foo" }, "[object Object]"],
    [7, "7"],
  ])("%j", (input, words) => {
    expect(read(input)).toEqual({ turns: [user(words)] });
  });
});

test("an empty prompt is an empty user message", () => {
  expect(read([])).toEqual({ turns: [user("")] });
  expect(read([{ role: "user", content: [] }])).toEqual({ turns: [user("")] });
  expect(read([{ role: "user", content: "" }])).toEqual({ turns: [user("")] });
});

test("joins text content and separates images", () => {
  const content = [
    { type: "text", value: "foo" },
    { type: "image", value: image },
    { type: "text", value: "bar" },
  ];
  const rules = { images: true, later: false };
  expect(read([{ role: "user", content }], rules)).toEqual({
    turns: [{ role: "user", text: "foobar", images: [image] }],
  });
});

test("accepts any iterable of messages", () => {
  const messages = new Set([
    { role: "system", content: "a" },
    { role: "user", content: "b" },
    { role: "assistant", content: "c" },
  ]);
  expect(read(messages).turns.map(({ role }) => role)).toEqual([
    "system",
    "user",
    "assistant",
  ]);
});

test("the last assistant message can be a prefix", () => {
  const asked = [
    { role: "user", content: "hello" },
    { role: "assistant", content: "Gree", prefix: true },
  ];
  expect(read(asked)).toEqual({ turns: [user("hello")], prefix: "Gree" });
});

const after = { images: false, later: true };

test.each<[string, unknown, string, typeof text?]>([
  ["a system text after a message", [m("user"), m("system")], "TypeError"],
  ["two system texts", [m("system"), m("system")], "TypeError"],
  ["a system text in a conversation", [m("system")], "TypeError", after],
  ["no role", [{ content: "a" }], "TypeError"],
  ["another role", [m("tool")], "TypeError"],
  ["no content", [{ role: "user" }], "TypeError"],
  ["a message that is none", ["hello"], "TypeError"],
  ["a part of unknown type", [m("user", "soup", "a")], "TypeError"],
  ["a part without value", [m("user", "text")], "TypeError"],
  ["words that are an image", [m("user", "text", image)], "TypeError"],
  ["a prefix of the user", [{ ...m("user"), prefix: true }], "SyntaxError"],
  [
    "a prefix before the end",
    [{ ...m("assistant"), prefix: true }, m("user")],
    "SyntaxError",
  ],
  [
    "an image that was not announced",
    [m("user", "image", image)],
    "NotSupportedError",
  ],
  [
    "an image of the assistant",
    [m("assistant", "image", image)],
    "NotSupportedError",
    { images: true, later: false },
  ],
  [
    "an image that is a string",
    [m("user", "image", "a.png")],
    "TypeError",
    { images: true, later: false },
  ],
  [
    "sound",
    [m("user", "audio", image)],
    "NotSupportedError",
    { images: true, later: false },
  ],
  ["the call of a tool", [m("user", "tool-call", {})], "NotSupportedError"],
])("%s is refused", (_, input, name, rules) => {
  expect(() => read(input, rules)).toThrow(expect.objectContaining({ name }));
});

function m(role: string, type?: string, value?: unknown) {
  if (type === undefined) return { role, content: "words" };
  return { role, content: [{ type, value }] };
}
