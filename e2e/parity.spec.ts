import { readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "vite";
import { folderHandler } from "../tools/cli/server.mjs";
import { ask, load, openQuiet, valueOf } from "./support/element.ts";
import { fixtures, model, scratch } from "./support/paths.ts";
import { expect, test } from "./support/test.ts";

interface Scene {
  readonly file: string;
  readonly questions: readonly { readonly question: string }[];
}

const folder = join(fixtures, "scenes");

function readScenes(): Scene[] {
  const lines = readFileSync(join(folder, "scenes.jsonl"), "utf8").trim();
  return JSON.parse(`[${lines.split("\n").join(",")}]`) as Scene[];
}

/** One of each scene's questions, so that every kind has its turn. */
const questions = readScenes().map(({ file, questions }, index) => ({
  file,
  question: questions[index % questions.length]?.question ?? "",
}));

/** What ends an answer: transformers.js gives it, fast-vlm does not. */
function endTokens(): number[] {
  const config = JSON.parse(
    readFileSync(join(model, "generation_config.json"), "utf8"),
  ) as { eos_token_id: number | number[] };
  return [config.eos_token_id].flat();
}

test.beforeAll(async ({ server }) => {
  await build({ configFile: "e2e/parity/vite.config.ts" });
  server.mount("/parity/", folderHandler(join(scratch, "parity")));
  server.mount("/scenes/", folderHandler(folder));
});

for (const dtype of ["fp32", "q4"] as const) {
  test(`the same greedy tokens as transformers.js, ${dtype}`, async ({
    page,
    watch,
  }) => {
    test.setTimeout(600_000);
    expect(questions).toHaveLength(20);

    await page.goto("/parity/index.html");
    await page.evaluate((dtype) => window.loadReference(dtype), dtype);
    const wanted: number[][] = [];
    for (const { file, question } of questions) {
      const ids = await page.evaluate(
        ([file, question]) => window.askReference(`/scenes/${file}`, question),
        [file, question] as const,
      );
      wanted.push(ids.filter((id) => !endTokens().includes(id)));
    }

    await openQuiet(page, { dtype });
    valueOf(await load(page));
    const got: (readonly number[])[] = [];
    for (const { file, question } of questions) {
      const picture = { name: file, bytes: readFileSync(join(folder, file)) };
      const options = { prompt: question, maxTokens: 64 };
      got.push(valueOf(await ask(page, picture, options)).tokenIds);
    }
    expect(got).toEqual(wanted);
    expect(wanted.flat().length).toBeGreaterThan(20);
    expect(watch.foreign).toEqual([]);
  });
}
