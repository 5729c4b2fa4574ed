import { expect, test } from "vitest";
import type { Geometry } from "../kernels/resize-geometry";
import { imageTokenCount, viewsOf } from "./tiling";

/** Size of the resized image and the offset of each view in it. */
const places = (views: readonly Geometry[]): number[][] =>
  views.map(({ x, y }) => [x.resized, y.resized, x.first, y.first]);

test.each([
  ["letterbox", [[256, 256, 0, 0]]],
  ["crop", [[455, 256, 99, 0]]],
  ["stretch", [[256, 256, 0, 0]]],
] as const)("%s is one view", (fit, wanted) => {
  const choice = { fit, anyres: false, size: 256 };
  expect(imageTokenCount(choice)).toBe(16);
  expect(places(viewsOf(1280, 720, choice))).toEqual(wanted);
});

test("AnyRes is an overview and the tiles of a grid, row by row", () => {
  const choice = { fit: "crop", anyres: true, size: 256 } as const;
  const views = viewsOf(1280, 720, choice);
  expect(imageTokenCount(choice)).toBe(16 * views.length);
  expect(places(views)).toEqual([
    [256, 256, 0, 0],
    [512, 288, 0, -112],
    [512, 288, 256, -112],
    [512, 288, 0, 144],
    [512, 288, 256, 144],
  ]);
});

test("rejects with bad-option for an unknown fit", () => {
  const choice = { fit: "cover" as "crop", anyres: false, size: 64 };
  expect(() => viewsOf(1, 1, choice)).toThrow(
    expect.objectContaining({ code: "bad-option" }),
  );
});
