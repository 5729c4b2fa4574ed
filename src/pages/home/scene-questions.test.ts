import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { questionsAbout } from "./scene-questions";

/** Of `nano`. */
const { questions } = (
  JSON.parse(readFileSync("public/models/nano/config.json", "utf8")) as {
    fast_vlm: { questions: string[] };
  }
).fast_vlm;

const describe = "Describe the image.";
const count = "How many shapes are there?";

test.each([
  [
    "A red circle left of a blue square on a gray background.",
    [
      ...[describe, count],
      ...["What color is the circle?", "What color is the square?"],
      ...["What shape is red?", "What shape is blue?"],
      "Is there a blue circle?",
    ],
  ],
  [
    "An orange star on a pink background.",
    [
      ...[describe, count, "What color is the star?", "What shape is orange?"],
      "Is there an orange star?",
    ],
  ],
  [
    "A red star, a red circle, a blue star and a green square on a black background.",
    [
      ...[describe, count],
      ...["What color is the circle?", "What color is the square?"],
      ...["What shape is blue?", "What shape is green?"],
      "Is there a green star?",
    ],
  ],
  [
    "A white circle above a white circle on a black background.",
    [describe, count, "Is there a white circle?"],
  ],
  ["The text WZL6 in red on a gray background.", [describe, "Read the text."]],
])("%s", (description, expected) => {
  expect(questionsAbout(description, questions)).toEqual(expected);
});

test.each(["", "A red circle left of", "Two.", "A dog on a red sofa."])(
  "keeps all questions after “%s”",
  (description) => {
    expect(questionsAbout(description, questions)).toBe(questions);
  },
);

test("keeps questions in other words", () => {
  const others = ["What is in this picture?", "What color is it?"];
  const description = "A red circle on a gray background.";
  expect(questionsAbout(description, others)).toEqual(others);
});
