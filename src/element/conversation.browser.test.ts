import { expect, test } from "vitest";
import { Mounted } from "../testing/mounted";
import { pictureFile } from "../testing/painted";
import "./define";

let mounted: Mounted;

test("a question is a conversation of one turn, by the attributes", async () => {
  mounted = new Mounted();
  const { vlm, fake } = mounted;
  vlm.fit = "crop";
  vlm.anyres = true;
  vlm.promptStyle = "demo";
  vlm.size = 512;
  await vlm.ask(undefined, { source: await pictureFile() });
  expect(fake.asked[0]).toMatchObject({
    messages: [{ role: "user", text: "Describe the image.", imageCount: 1 }],
    ...{ fit: "crop", anyres: true, promptStyle: "demo", size: 512 },
  });
});

test("a follow-up: earlier turns claim their pictures", async () => {
  mounted = new Mounted();
  const { vlm, fake } = mounted;
  const first = await pictureFile();
  const answer = await vlm.ask("And this?", {
    source: [first, await pictureFile()],
    messages: [
      { role: "user", text: "What is it?", images: 1 },
      { role: "assistant", text: "A cat." },
    ],
    ...{ fit: "stretch", anyres: false, style: "reference", size: 256 },
  });
  expect(answer.finish).toBe("stop");
  expect(fake.asked[0]).toMatchObject({
    messages: [
      { role: "user", text: "What is it?", imageCount: 1 },
      { role: "assistant", text: "A cat.", imageCount: 0 },
      { role: "user", text: "And this?", imageCount: 1 },
    ],
    ...{ fit: "stretch", anyres: false, promptStyle: "reference", size: 256 },
  });
});

test("several pictures belong to one question", async () => {
  mounted = new Mounted();
  await mounted.vlm.ask(undefined, {
    source: [await pictureFile(), await pictureFile(), await pictureFile()],
  });
  expect(mounted.fake.asked[0]?.messages).toMatchObject([{ imageCount: 3 }]);
});

test("of several pictures a bad one is told, and the others are left", async () => {
  mounted = new Mounted();
  const bitmap = await createImageBitmap(new ImageData(4, 4));
  const bad = new File(["hello"], "note.png");
  await expect(
    mounted.vlm.ask(undefined, { source: [bitmap, bad] }),
  ).rejects.toMatchObject({
    code: "bad-image",
    message: expect.stringContaining("note.png") as string,
  });
  expect(bitmap.width).toBe(4);
});

const user = { role: "user", text: "What?", images: 1 } as const;
const assistant = { role: "assistant", text: "That." } as const;

test.each([
  ["the assistant's turn first", [assistant, user], /Turn 1/],
  ["two turns of the user's", [user, user], /Turn 2/],
  ["no answer before the prompt", [user], /lacks an answer/],
  ["an answer with a picture", [user, { ...assistant, images: 1 }], /Turn 2/],
  [
    "more pictures than came",
    [{ ...user, images: 3 }, assistant],
    /3 pictures/,
  ],
])("refuses %s", async (_, messages, message) => {
  mounted = new Mounted();
  await expect(
    mounted.vlm.ask(undefined, { source: await pictureFile(), messages }),
  ).rejects.toMatchObject({
    code: "bad-option",
    message: expect.stringMatching(message) as string,
  });
});

test.each([
  [{ fit: "glove" }, /no fit “glove”/],
  [{ style: "rude" }, /no prompt style “rude”/],
])("refuses %o", async (options, message) => {
  mounted = new Mounted();
  const given = options as Parameters<typeof mounted.vlm.ask>[1];
  await expect(
    mounted.vlm.ask(undefined, { source: await pictureFile(), ...given }),
  ).rejects.toMatchObject({
    code: "bad-option",
    message: expect.stringMatching(message) as string,
  });
});
