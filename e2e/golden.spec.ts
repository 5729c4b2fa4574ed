import { readFileSync } from "node:fs";
import { join } from "node:path";
import golden from "./fixtures/golden/nano.golden.json" with { type: "json" };
import pairs from "./fixtures/golden/pairs.golden.json" with { type: "json" };
import { ask, load, openQuiet, valueOf } from "./support/element.ts";
import { fixtures } from "./support/paths.ts";
import { expect, test } from "./support/test.ts";

// Written by tools/fastvlm/golden.py from the model in PyTorch.

test("the page answers token for token as PyTorch does", async ({ page }) => {
  test.setTimeout(300_000);
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

/** On pictures of the encoder's size, and of any, which Pillow has resized. */
for (const kind of ["square", "any"]) {
  test(`greedy tokens are PyTorch's, ${kind} pictures`, async ({ page }) => {
    test.setTimeout(600_000);
    const asked = pairs.filter(({ file }) => file.startsWith(`${kind}/`));
    await openQuiet(page);
    valueOf(await load(page));
    for (const { file, question, tokenIds } of asked) {
      const bytes = readFileSync(join(fixtures, "pairs", file));
      const options = { prompt: question, maxTokens: 64 };
      const answer = valueOf(await ask(page, { name: file, bytes }, options));
      expect(answer.tokenIds, `${file}: ${question}`).toEqual(tokenIds);
    }
    expect(asked).toHaveLength(kind === "square" ? 200 : 40);
  });
}
