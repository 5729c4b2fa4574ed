import { expect, test } from "vitest";
import type { Message } from "../../src/shared/protocol";
import { countTokens, makePrompt } from "./prompt";
import type { ChatTurn } from "../model-files/chat-template";

/** One token per letter; a turn is 1, its images as 99, its letters as 2, 3. */
const tokenizer = {
  imageToken: 99,
  encode: (text: string) => Array.from(text, () => 2),
  encodeChat: (turns: readonly ChatTurn[]) =>
    turns.flatMap(({ role, imageCount, text }) =>
      role === "system"
        ? []
        : [
            1,
            ...Array<number>(imageCount).fill(99),
            ...Array.from(text, () => 2),
            3,
          ],
    ),
};
const user = (text: string, images = 1): Message => {
  return { role: "user", text, imageCount: images };
};
const answer = (text: string): Message => {
  return { role: "assistant", text, imageCount: 0 };
};
const system = (text: string): Message => {
  return { role: "system", text, imageCount: 0 };
};
const reference = (...messages: Message[]) => {
  return { messages, promptStyle: "reference" } as const;
};

test("an image takes as many positions as it has tokens", () => {
  const prompt = makePrompt(tokenizer, reference(user("ab")), 4, 100);
  expect(prompt.texts).toEqual([[1], [2, 2, 3]]);
  expect(prompt.ids).toEqual([1, 99, 99, 99, 99, 2, 2, 3]);
});

test("places the images of several turns", () => {
  const turns = [user("a", 2), answer("b"), user("", 0), user("c", 1)];
  const prompt = makePrompt(tokenizer, reference(...turns), 2, 100);
  expect(prompt.texts).toEqual([[1], [], [2, 3, 1, 2, 3, 1, 3, 1], [2, 3]]);
  expect(prompt.ids).toEqual([
    ...[1, 99, 99, 99, 99, 2, 3],
    ...[1, 2, 3],
    ...[1, 3],
    ...[1, 99, 99, 2, 3],
  ]);
});

test("rejects a text that is far too long without tokenizing all of it", () => {
  let read = 0;
  const counting = {
    ...tokenizer,
    encode: (text: string) => {
      read += text.length;
      return tokenizer.encode(text);
    },
    encodeChat: () => {
      throw new Error("tokenized the whole prompt");
    },
  };
  const long = "a".repeat(1_000_000);
  const error = expect.objectContaining({
    code: "prompt-too-long",
    message: expect.stringMatching(/^More than 1000 tokens of text/) as string,
  }) as unknown;
  const ask = reference(user(long, 0));
  expect(() => makePrompt(counting, ask, 4, 1000)).toThrow(error);
  const continued = { ...reference(user("a", 0)), prefix: long };
  expect(() => makePrompt(counting, continued, 4, 1000)).toThrow(error);
  expect(read).toBeLessThan(10_000);
});

test("counts a text that is far too long up to the limit only", () => {
  const long = reference(user("a".repeat(1_000_000), 0));
  const { tokens, limit } = countTokens(tokenizer, long, 4, 1000);
  expect(tokens).toBeGreaterThan(limit);
  expect(tokens).toBeLessThan(10_000);
});

test("counts and accepts a long text that fits", () => {
  const long = reference(user("a".repeat(9_000), 0));
  const { tokens } = countTokens(tokenizer, long, 4, 10_000);
  expect(tokens).toBe(9_002);
  expect(makePrompt(tokenizer, long, 4, 10_000).ids).toHaveLength(9_002);
});

test("each prompt style has its system text and image separator", () => {
  const seen: ChatTurn[] = [];
  const spy = {
    ...tokenizer,
    encodeChat: (turns: readonly ChatTurn[]) => {
      seen.push(...turns);
      return tokenizer.encodeChat(turns);
    },
  };
  makePrompt(spy, { messages: [user("a")], promptStyle: "reference" }, 1, 100);
  makePrompt(spy, { messages: [user("a")], promptStyle: "demo" }, 1, 100);
  expect(seen).toMatchObject([
    { role: "system", imageCount: 0, text: "You are a helpful assistant." },
    { role: "user", imageCount: 1, separator: "\n", text: "a" },
    {
      role: "system",
      text: expect.stringMatching(
        /^You are a helpful visual AI .* one sentence\.$/,
      ) as string,
    },
    { role: "user", imageCount: 1, separator: "", text: "a" },
  ]);
});

test("a system message replaces the system text of the style", () => {
  const seen: ChatTurn[][] = [];
  const spy = {
    ...tokenizer,
    encodeChat: (turns: readonly ChatTurn[]) => {
      seen.push([...turns]);
      return tokenizer.encodeChat(turns);
    },
  };
  makePrompt(spy, reference(system("Rhyme."), user("a")), 1, 100);
  expect(seen).toMatchObject([
    [{ role: "system", text: "Rhyme." }, { role: "user" }],
  ]);
});

test("the prefix comes last and counts", () => {
  const prefixed = { ...reference(user("a")), prefix: "So" };
  const { texts, ids } = makePrompt(tokenizer, prefixed, 2, 8);
  expect(texts).toEqual([[1], [2, 3, 2, 2]]);
  expect(ids).toEqual([1, 99, 99, 2, 3, 2, 2]);
  expect(() => makePrompt(tokenizer, prefixed, 2, 7)).toThrow(
    expect.objectContaining({ code: "prompt-too-long" }),
  );
});

test("token counts of messages add up", () => {
  const count = (...messages: Message[]) =>
    countTokens(tokenizer, reference(...messages), 5, 100);
  expect(count()).toEqual({ tokens: 0, limit: 100 });
  expect(count(user("abc", 0)).tokens).toBe(5);
  expect(count(system("abc")).tokens).toBe(5);
  expect(count(answer("abc")).tokens).toBe(5);
  expect(count(user("abc", 2)).tokens).toBe(15);
  const turns = [system("a"), user("b"), answer("c"), user("", 3)];
  const apart = turns.map((turn) => count(turn).tokens);
  expect(count(...turns).tokens).toBe(apart.reduce((a, b) => a + b));
});

test("rejects with prompt-too-long when no token of the answer fits", () => {
  expect(makePrompt(tokenizer, reference(user("ab")), 4, 9).ids).toHaveLength(
    8,
  );
  expect(() => makePrompt(tokenizer, reference(user("abc")), 4, 9)).toThrow(
    expect.objectContaining({
      code: "prompt-too-long",
      message:
        "5 tokens of text and an image of 4 tokens do not fit: the model's context window is 9 tokens, including the answer.",
    }),
  );
  const two = reference(user("a", 2), answer("b"), user("c", 1));
  expect(() => makePrompt(tokenizer, two, 20, 64)).toThrow(
    /^9 tokens of text and 3 images of 20 tokens each do not fit: .* 64 /,
  );
});
