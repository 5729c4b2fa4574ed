import { expect, test } from "vitest";
import type { Geometry } from "../kernels/geometry";
import { tileCount, tilesOf } from "./tiling";

/** Where the squares lie on the picture after its resize. */
const places = (views: readonly Geometry[]): number[][] =>
  views.map(({ x, y }) => [x.resized, y.resized, x.first, y.first]);

test.each([
  ["letterbox", [[256, 256, 0, 0]]],
  ["crop", [[455, 256, 99, 0]]],
  ["stretch", [[256, 256, 0, 0]]],
] as const)("%s is one square", (fit, wanted) => {
  const choice = { fit, anyres: false, size: 256 };
  expect(tileCount(choice)).toBe(1);
  expect(places(tilesOf(1280, 720, choice))).toEqual(wanted);
});

test("AnyRes: the whole picture, then a grid of it, row by row", () => {
  const choice = { fit: "crop", anyres: true, size: 256 } as const;
  const views = tilesOf(1280, 720, choice);
  expect(tileCount(choice)).toBe(views.length);
  expect(places(views)).toEqual([
    [256, 256, 0, 0],
    [512, 288, 0, -112],
    [512, 288, 256, -112],
    [512, 288, 0, 144],
    [512, 288, 256, 144],
  ]);
});

test("an unknown fit is a bad option", () => {
  const choice = { fit: "cover" as "crop", anyres: false, size: 64 };
  expect(() => tilesOf(1, 1, choice)).toThrow(
    expect.objectContaining({ code: "bad-option" }),
  );
});
