import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { GenerateOptions } from "../src/shared/protocol";
import { makePrompt } from "./stages/prompt";
import golden from "./model-files/testing/chat.golden.json";
import { Tokenizer } from "./model-files/tokenizer";

/** nano's conversations against transformers: tools/fixtures/make_chat_golden.py
 * writes what is compared. */
function json(file: string): unknown {
  const url = new URL(`../public/models/nano/${file}`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8"));
}

const tokenizer = new Tokenizer(
  json("tokenizer.json"),
  json("tokenizer_config.json"),
);

test.each(golden)("$promptStyle: $messages", ({ ids, ...conversation }) => {
  const { messages, promptStyle } = conversation as Pick<
    GenerateOptions,
    "messages" | "promptStyle"
  >;
  const prompt = makePrompt(tokenizer, { messages, promptStyle }, 1, 1024);
  expect(prompt.ids).toEqual(ids);
});
