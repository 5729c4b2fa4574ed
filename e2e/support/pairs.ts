import { readFileSync } from "node:fs";
import { join } from "node:path";
import pairs from "../fixtures/golden/pairs.golden.json" with { type: "json" };
import { ask, load, openQuiet, valueOf } from "./element.ts";
import { fixtures } from "./paths.ts";
import { expect, test } from "./test.ts";

/** Tests that the page's greedy tokens for the images of a folder in e2e/fixtures/pairs
 * equal PyTorch's (tools/fastvlm/golden.py). */
export function testPairs(folder: "square" | "any", count: number): void {
  test(`the page gives PyTorch's tokens for ${count} images of ${folder} size`, async ({
    page,
  }) => {
    await openQuiet(page);
    valueOf(await load(page));
    const expected = pairs.filter(({ file }) => file.startsWith(`${folder}/`));
    expect(expected).toHaveLength(count);
    for (const { file, question, tokenIds } of expected) {
      const bytes = readFileSync(join(fixtures, "pairs", file));
      const options = { prompt: question, maxTokens: 64 };
      const answer = valueOf(await ask(page, { name: file, bytes }, options));
      expect(answer.tokenIds, `${file}: ${question}`).toEqual(tokenIds);
    }
  });
}
