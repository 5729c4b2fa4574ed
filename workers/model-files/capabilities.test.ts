import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { readCapabilities } from "./capabilities";

const read = (fast_vlm: unknown, size = 1024) =>
  readCapabilities({ fast_vlm }, size);

test("reads what the model was trained for", () => {
  const capabilities = read({
    multi_turn: false,
    questions: ["How many shapes are there?"],
    sizes: [256, 320],
  });
  expect(capabilities).toEqual({
    multiTurn: false,
    questions: ["How many shapes are there?"],
    sizes: [256, 320],
  });
});

test.each([undefined, null, {}, { multi_turn: null, sizes: null }])(
  "uses FastVLM's values for %o",
  (section) => {
    expect(read(section)).toMatchObject({
      multiTurn: true,
      questions: expect.arrayContaining(["Describe the image."]) as string[],
      sizes: [256, 512, 768, 1024, 1536],
    });
  },
);

test("the usual sizes are multiples of 64 up to 2048", () => {
  expect(read({}, 320).sizes).toEqual([320]);
  expect(read({}, 2048).sizes).toEqual([512, 1024, 1536, 2048]);
});

test("nano answers the questions of its model card", async () => {
  const folder = "public/models/nano";
  const json = await readFile(`${folder}/config.json`, "utf8");
  const card = await readFile(`${folder}/README.md`, "utf8");
  const { fast_vlm } = JSON.parse(json) as { fast_vlm: unknown };
  const { questions, ...others } = read(fast_vlm, 256);
  expect(others).toEqual({ multiTurn: false, sizes: [256] });
  expect(questions).toHaveLength(6);
  for (const question of questions) expect(card).toContain(`| ${question} |`);
});

test.each([
  ["no", /fast_vlm is “no”, not an object/],
  [[], /fast_vlm is Array, not an object/],
  [{ multi_turn: "no" }, /multi_turn is “no”, not true or false/],
  [{ questions: "What?" }, /questions is “What\?”, not a list/],
  [{ questions: ["What?", 5] }, /questions\[1\] is 5, not a text/],
  [{ questions: [" "] }, /questions\[0\] is “ ”, not a text/],
  [{ sizes: 256 }, /sizes is 256, not a list/],
  [{ sizes: [256, 100] }, /sizes\[1\] is 100, not a multiple of 64/],
])("rejects %o", (section, message) => {
  expect(() => read(section)).toThrow(
    expect.objectContaining({
      code: "model-mismatch",
      message: expect.stringMatching(message) as string,
    }),
  );
});
