import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "@playwright/test";
import { folderHandler } from "../tools/cli/server.mjs";
import pairs from "./fixtures/golden/pairs.golden.json" with { type: "json" };
import { ask, load, openQuiet, valueOf } from "./support/element.ts";
import { fixtures, model } from "./support/paths.ts";
import { expect, test } from "./support/test.ts";
import { serveTransformersJs } from "./support/transformers-js.ts";

const folder = join(fixtures, "pairs");
/** Images of the encoder's size, so that resizing does not influence the answers. */
const square = pairs.filter(({ file }) => file.startsWith("square/"));

/** End tokens, which transformers.js includes in answers. */
function endTokens(): number[] {
  const config = JSON.parse(
    readFileSync(join(model, "generation_config.json"), "utf8"),
  ) as { eos_token_id: number | number[] };
  return [config.eos_token_id].flat();
}

test.beforeAll(async ({ server }) => {
  await serveTransformersJs(server);
  server.mount("/pairs/", folderHandler(folder));
});

/** transformers.js' answers without end tokens. */
async function askReference(
  page: Page,
  dtype: "fp32" | "q4",
  asked: typeof pairs,
): Promise<number[][]> {
  await page.goto("/parity/index.html");
  await page.evaluate((dtype) => window.loadReference(dtype), dtype);
  const answers: number[][] = [];
  for (const { file, question } of asked) {
    const ids = await page.evaluate(
      ([file, question]) => window.askReference(`/pairs/${file}`, question),
      [file, question] as const,
    );
    answers.push(ids.filter((id) => !endTokens().includes(id)));
  }
  return answers;
}

/** golden.spec.ts compares the page with the same tokens. */
test("transformers.js gives PyTorch's greedy tokens, fp32", async ({
  page,
  watch,
}) => {
  expect(square).toHaveLength(200);
  const got = await askReference(page, "fp32", square);
  expect(got).toEqual(square.map(({ tokenIds }) => tokenIds));
  expect(watch.foreign).toEqual([]);
});

test("the page gives transformers.js' greedy tokens, q4", async ({
  page,
  watch,
}) => {
  const some = square.filter((_, index) => index % 5 === 0);
  expect(some).toHaveLength(40);
  const wanted = await askReference(page, "q4", some);

  await openQuiet(page, { dtype: "q4" });
  valueOf(await load(page));
  const got: (readonly number[])[] = [];
  for (const { file, question } of some) {
    const image = { name: file, bytes: readFileSync(join(folder, file)) };
    const options = { prompt: question, maxTokens: 64 };
    got.push(valueOf(await ask(page, image, options)).tokenIds);
  }
  expect(got).toEqual(wanted);
  expect(wanted.flat().length).toBeGreaterThan(100);
  expect(watch.foreign).toEqual([]);
});
