import { describe, expect, test } from "vitest";
import {
  answer,
  syntheticPrompt,
  useLanguages,
  type Languages,
} from "./open-backends";

/** Numbers of ids, image tokens and ids. */
export type PromptSizes = readonly [number, number, number];

/** Tests that both backends give the same answers to prompts of these sizes. */
export function testLanguages(
  name: string,
  url: string,
  dtype: "fp32" | "q4",
  prompts: readonly PromptSizes[],
): void {
  describe(name, () => {
    let languages: Languages;

    useLanguages(url, dtype, (opened) => {
      languages = opened;
    });

    test.each(prompts)(
      "answers like the ORT backend: %i ids, %i image tokens, %i ids",
      async (...sizes) => {
        const question = syntheticPrompt(languages.source, 7, sizes);
        const wanted = await answer(languages.reference, question, 20);
        const got = await answer(languages.webgpu, question, 20);
        expect(got.ids).toEqual(wanted.ids);
      },
    );
  });
}
