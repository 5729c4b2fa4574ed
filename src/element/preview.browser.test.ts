import { expect, test } from "vitest";
import { Mounted } from "../testing/mounted";
import { imageFile } from "../testing/images";
import "./define";

test("ask is about the image that was started last", async () => {
  const { vlm, fake } = new Mounted({ pace: 5 });
  Object.assign(vlm, { source: "image", file: await imageFile("red") });
  await vlm.start();
  await vlm.ask("What?");
  Object.assign(vlm, { file: await imageFile("blue") });
  await vlm.start();
  await vlm.ask("What?");
  const ids = fake.asked.map(({ imageIds }) => imageIds?.[0]);
  expect(ids).toHaveLength(4);
  expect(ids[0]).toBeTypeOf("string");
  expect(ids[1]).toBe(ids[0]);
  expect(ids[2]).not.toBe(ids[0]);
  expect(ids[3]).toBe(ids[2]);
});
