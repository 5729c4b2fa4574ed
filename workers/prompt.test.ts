import { expect, test } from "vitest";
import { makePrompt } from "./prompt";

/** A token for each letter, 99 for the picture, as in "(picture prompt)". */
const tokenizer = {
  imageToken: 99,
  encodePrompt: (text: string) => [1, 99, ...Array.from(text, () => 2), 3],
};

test("the picture takes as many positions as it has tokens", () => {
  const prompt = makePrompt(tokenizer, "ab", 4, 100);
  expect(prompt.before).toEqual([1]);
  expect(prompt.after).toEqual([2, 2, 3]);
  expect(prompt.ids).toEqual([1, 99, 99, 99, 99, 2, 2, 3]);
});

test("there must be room for one token of the answer", () => {
  expect(makePrompt(tokenizer, "ab", 4, 9).ids).toHaveLength(8);
  expect(() => makePrompt(tokenizer, "abc", 4, 9)).toThrow(
    expect.objectContaining({
      code: "prompt-too-long",
      message:
        "Picture and prompt are 9 tokens; the model reads 9, its answer included.",
    }),
  );
});
