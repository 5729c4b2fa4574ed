import { expect, test, vi } from "vitest";
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

test("shows the background behind transparent pixels", async () => {
  const { vlm, fake } = new Mounted();
  const file = await imageFile("transparent");
  Object.assign(vlm, { source: "image", file, background: "#204060" });
  await vlm.start();
  const canvas = vlm.shadowRoot?.querySelector("canvas");
  const shown = () => [
    ...(canvas?.getContext("2d")?.getImageData(4, 4, 1, 1).data ?? []),
  ];
  expect(shown()).toEqual([32, 64, 96, 255]);
  vlm.background = "black";
  await vi.waitFor(() => expect(shown()).toEqual([0, 0, 0, 255]));
  await vlm.ask("What?");
  expect(fake.asked.map(({ background }) => background)).toEqual([
    "#204060",
    "black",
  ]);
});
