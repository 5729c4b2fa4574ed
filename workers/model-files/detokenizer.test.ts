import { expect, test } from "vitest";
import { Detokenizer } from "./detokenizer";

/** A vocabulary of bytes, the hardest there is. */
const decode = (ids: readonly number[]): string =>
  new TextDecoder().decode(Uint8Array.from(ids));

const bytes = (text: string): number[] => [...new TextEncoder().encode(text)];

test("a character comes when its last byte does", () => {
  const detokenizer = new Detokenizer(decode);
  const pieces = bytes("aé🦊b").map((id) => detokenizer.push(id));
  expect(pieces).toEqual(["a", "", "é", "", "", "", "🦊", "b"]);
  expect(detokenizer.flush()).toBe("");
});

test("what stays broken comes at the end", () => {
  const detokenizer = new Detokenizer(decode);
  const pieces = [...bytes("ok"), 0xf0, 0x9f].map((id) => detokenizer.push(id));
  expect(pieces.join("")).toBe("ok");
  expect(detokenizer.flush()).toBe("\uFFFD");
  expect(detokenizer.flush()).toBe("");
});

test("a long answer is whole", () => {
  const text = "Ein Bär läuft über die 🌉 und ißt 日本語. ".repeat(20);
  const detokenizer = new Detokenizer(decode);
  const pieces = bytes(text).map((id) => detokenizer.push(id));
  expect(pieces.join("") + detokenizer.flush()).toBe(text);
});
