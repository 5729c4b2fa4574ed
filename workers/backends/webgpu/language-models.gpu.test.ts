import { describe, expect, test } from "vitest";
import {
  answer,
  syntheticPrompt,
  useLanguages,
  type Languages,
} from "../../testing/open-backends";
import { other } from "../../testing/harness";

const nano = new URL("/models/nano/", location.href).href;

describe.each([
  ["other", other, "fp32"],
  ["nano in q4", nano, "q4"],
] as const)("%s", (_, url, dtype) => {
  let languages: Languages;

  useLanguages(url, dtype, (opened) => {
    languages = opened;
  });

  // ORT has other attention kernels for few positions than for many.
  test.each([
    [1, 0, 0],
    [9, 4, 7],
    [14, 64, 30],
  ] as const)(
    "answers like the ORT backend: %i ids, %i image tokens, %i ids",
    async (...sizes) => {
      const question = syntheticPrompt(languages.source, 7, sizes);
      const wanted = await answer(languages.reference, question, 20);
      const got = await answer(languages.webgpu, question, 20);
      expect(got.ids).toEqual(wanted.ids);
    },
  );
});
