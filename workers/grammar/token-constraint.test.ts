import { expect, test } from "vitest";
import type { Constraint } from "../../src/shared/protocol";
import { randomAnswer } from "../testing/random-answer";
import { end, grammar, tokenizer } from "../testing/nano-grammar";
import { Automaton } from "./automaton";
import { Expressions } from "./expression";
import { SchemaCompiler } from "./schema-compiler";
import { ShortestCompletion } from "./shortest-completion";
import { TokenConstraint } from "./token-constraint";
import { TokenMasks } from "./token-masks";
import { TokenTrie } from "./token-trie";

const trie = new TokenTrie(tokenizer);

const json = (schema: unknown): Constraint => ({ type: "json", schema });
const regex = (source: string): Constraint => ({
  type: "regex",
  source,
  flags: "u",
});

/** The number of tokens in the message of the refusal. */
function neededTokens(constraint: Constraint): number {
  try {
    grammar.constrain(constraint, "", 1);
  } catch (error) {
    const [, needed] = /needs (\d+) tokens/.exec(String(error)) ?? [];
    if (needed !== undefined) return Number(needed);
    throw error;
  }
  throw new Error("The constraint was not refused");
}

test.each([
  regex("a{500}"),
  regex("(red|green) circle, .{40}"),
  regex("\\p{Lu}{5}中文😀"),
  json({ type: "array", items: { type: "integer" }, minItems: 60 }),
  json({ type: "string", minLength: 50 }),
  json({ enum: ["a long text", "another long text"] }),
  json({
    type: "object",
    properties: {
      name: { type: "string", pattern: "^[a-z]{8,}$" },
      sizes: { type: "array", items: { enum: [1, 22] }, minItems: 3 },
    },
    required: ["name", "sizes"],
  }),
])("%j is refused with the number of tokens that it needs", (constraint) => {
  const needed = neededTokens(constraint);
  expect(() => grammar.constrain(constraint, "", needed - 1)).toThrow(
    expect.objectContaining({
      code: "bad-option",
      message: expect.stringContaining(
        `needs ${needed} tokens, and ${needed - 1} are available`,
      ) as string,
    }),
  );
  // With that many tokens, every answer is complete.
  for (let seed = 1; seed <= 5; seed++) {
    const made = grammar.constrain(constraint, "", needed);
    const answer = randomAnswer(made, { tokenizer, end }, seed, needed);
    expect(answer.ended).toBe(true);
  }
});

test("an answer that is far longer than any context is refused without a plan", () => {
  const schema = { type: "string", minLength: 1_000_000_000 };
  expect(() => grammar.constrain(json(schema), "", 4096)).toThrow(
    /needs at least \d+ tokens, and 4096 are available/,
  );
});

test.each([8, 9, 10, 11, 12, 13, 20])(
  "an answer of %i tokens is never cut inside a character or a value",
  (limit) => {
    const constraint = json({
      type: "string",
      pattern: "^[\\u0400-\\u{1ffff}]+$",
    });
    for (let seed = 1; seed <= 20; seed++) {
      const made = grammar.constrain(constraint, "", limit);
      const { text, ended } = randomAnswer(
        made,
        { tokenizer, end },
        seed * 7919,
        limit,
      );
      expect(ended).toBe(true);
      expect(JSON.parse(text)).toMatch(/^[\u0400-\u{1ffff}]+$/u);
    }
  },
);

test("the prefix counts towards the answer", () => {
  const constraint = regex("a{20}");
  const needed = neededTokens(constraint);
  expect(() =>
    grammar.constrain(constraint, "aaaaaaaaaaaa", needed - 1),
  ).not.toThrow();
});

/** The work for the masks of an answer: states and transitions of the automaton. */
function work(schema: unknown, text: string) {
  const expressions = new Expressions();
  const completion = new ShortestCompletion(expressions);
  const start = new SchemaCompiler(expressions, completion, schema).compile();
  const automaton = new Automaton(expressions, completion, start);
  const compiled = expressions.size;
  const masks = new TokenMasks(automaton, trie, end);
  const constraint = new TokenConstraint(masks, new Uint8Array(), 100_000);
  for (const id of [...tokenizer.encode(text), end]) {
    constraint.allowed();
    constraint.take(id);
  }
  const { transitionCount } = automaton;
  return { compiled, size: expressions.size, transitions: transitionCount };
}

const item = { type: "integer" };

test.each([
  ["maxItems", (n: number) => ({ type: "array", items: item, maxItems: n })],
  ["maxLength", (n: number) => ({ type: "string", maxLength: n })],
  [
    "a counted pattern",
    (n: number) => ({ type: "string", pattern: `^[^,]{1,${n}}$` }),
  ],
])("the size of %s changes neither its states nor the work", (name, schema) => {
  const text =
    name === "maxItems"
      ? `[${Array.from({ length: 60 }, (_, i) => i).join(", ")}]`
      : JSON.stringify(
          "a text with ä, 中文 and 😀".replace(",", ";").repeat(6),
        );
  const small = work(schema(1_000), text);
  const large = work(schema(1_000_000), text);
  expect(large).toEqual(small);
  // A few states for each byte of the answer.
  expect(large.compiled).toBeLessThan(500);
  expect(large.size).toBeLessThan(12_000);
  expect(large.transitions).toBeLessThan(12_000);
});

test("the work for an enum grows with its bytes only", () => {
  const values = Array.from({ length: 5000 }, (_, i) => `item ${i}`);
  const { size, transitions } = work({ enum: values }, '"item 4999"');
  expect(size).toBeLessThan(30_000);
  expect(transitions).toBeLessThan(5_000);
});

test("objects with hundreds of properties and long alternations are supported", () => {
  const names = Array.from({ length: 600 }, (_, i) => `name${i}`);
  const value = { type: "boolean" };
  const properties = Object.fromEntries(names.map((name) => [name, value]));
  const wide = { type: "object", properties, required: names };
  const { transitions } = work(
    wide,
    `{${names.map((n) => `"${n}": true`).join()}}`,
  );
  expect(transitions).toBeLessThan(60_000);
  const words = regex(`(${names.join("|")})( (${names.join("|")}))*`);
  const made = grammar.constrain(words, "", 100);
  const { text, ended } = randomAnswer(made, { tokenizer, end }, 7, 100);
  expect(ended).toBe(true);
  expect(text).toMatch(/^name\d+( name\d+)*$/);
});
