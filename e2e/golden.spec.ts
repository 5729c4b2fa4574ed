import { readFileSync } from "node:fs";
import { join } from "node:path";
import golden from "./fixtures/golden/nano.golden.json" with { type: "json" };
import { ask, load, openQuiet, valueOf } from "./support/element.ts";
import { testPairs } from "./support/pairs.ts";
import { fixtures } from "./support/paths.ts";
import { expect, test } from "./support/test.ts";

// Written by tools/fastvlm/golden.py from the model in PyTorch.

test("the page gives PyTorch's tokens", async ({ page }) => {
  await openQuiet(page);
  valueOf(await load(page));
  for (const { file, question, promptIds, tokenIds, text } of golden) {
    const bytes = readFileSync(join(fixtures, "scenes", file));
    const options = { prompt: question, maxTokens: 64 };
    const answer = valueOf(await ask(page, { name: file, bytes }, options));
    expect(answer, `${file}: ${question}`).toMatchObject({
      promptTokens: promptIds.length,
      tokenIds,
      text,
      finish: "stop",
    });
  }
  expect(golden).toHaveLength(8);
});

testPairs("any", 40);
