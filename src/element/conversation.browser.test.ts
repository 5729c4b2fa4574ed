import { expect, test } from "vitest";
import { Mounted } from "../testing/mounted";
import { imageFile } from "../testing/images";
import "./define";

let mounted: Mounted;

test("ask sends one message with the options of the attributes", async () => {
  mounted = new Mounted();
  const { vlm, fake } = mounted;
  vlm.fit = "crop";
  vlm.anyres = true;
  vlm.promptStyle = "demo";
  vlm.size = 512;
  await vlm.ask(undefined, { source: await imageFile() });
  expect(fake.asked[0]).toMatchObject({
    messages: [{ role: "user", text: "Describe the image.", imageCount: 1 }],
    ...{ fit: "crop", anyres: true, promptStyle: "demo", size: 512 },
  });
});

test("earlier messages have their own images", async () => {
  mounted = new Mounted();
  const { vlm, fake } = mounted;
  const first = await imageFile();
  const answer = await vlm.ask("And this?", {
    source: await imageFile(),
    messages: [
      { role: "user", text: "What is it?", images: [first] },
      { role: "assistant", text: "A cat." },
    ],
    ...{ fit: "stretch", anyres: false, promptStyle: "reference", size: 256 },
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

test("several images belong to one message", async () => {
  mounted = new Mounted();
  await mounted.vlm.ask(undefined, {
    source: [await imageFile(), await imageFile(), await imageFile()],
  });
  expect(mounted.fake.asked[0]?.messages).toMatchObject([{ imageCount: 3 }]);
});

test("names the bad one of several images and leaves the others unchanged", async () => {
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

test("rejects invalid messages with bad-option", async () => {
  mounted = new Mounted();
  const messages = [{ role: "user", text: "What?", images: 1 }] as never;
  await expect(
    mounted.vlm.ask(undefined, { source: await imageFile(), messages }),
  ).rejects.toMatchObject({ code: "bad-option" });
  expect(mounted.fake.asked).toEqual([]);
});

test.each([
  [{ fit: "glove" }, /fit must be one of .*, not “glove”/],
  [{ promptStyle: "rude" }, /promptStyle must be one of .*, not “rude”/],
])("rejects %o", async (options, message) => {
  mounted = new Mounted();
  const given = options as Parameters<typeof mounted.vlm.ask>[1];
  await expect(
    mounted.vlm.ask(undefined, { source: await imageFile(), ...given }),
  ).rejects.toMatchObject({
    code: "bad-option",
    message: expect.stringMatching(message) as string,
  });
});
