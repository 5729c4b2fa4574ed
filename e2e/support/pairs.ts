import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import type pairs from "../fixtures/golden/pairs.golden.json";
import { ask, valueOf } from "./element.ts";
import { fixtures } from "./paths.ts";
import { expect } from "./test.ts";

/** The page's greedy tokens equal PyTorch's (tools/fastvlm/golden.py). */
export async function expectPairs(
  page: Page,
  expected: typeof pairs,
): Promise<void> {
  for (const { file, question, tokenIds } of expected) {
    const bytes = readFileSync(join(fixtures, "pairs", file));
    const options = { prompt: question, maxTokens: 64 };
    const answer = valueOf(await ask(page, { name: file, bytes }, options));
    expect(answer.tokenIds, `${file}: ${question}`).toEqual(tokenIds);
  }
}
