import { expect, test } from "vitest";
import { changeOf } from "./change.reference";

const side = 64;
const planes = (fill = 0): Float32Array =>
  new Float32Array(3 * side * side).fill(fill);

test("the same picture has not changed", () => {
  expect(changeOf(planes(0.3), planes(0.3), side)).toBe(0);
});

test("black to white is all the change there is", () => {
  expect(changeOf(planes(1), planes(0), side)).toBe(1);
});

test("a tile counts by itself, and a colour as a third", () => {
  const now = planes();
  // One tile of 4 x 4 pixels in one of the planes, in its last corner.
  for (let y = 60; y < 64; y++) {
    for (let x = 60; x < 64; x++) now[side * side + y * side + x] = 0.75;
  }
  expect(changeOf(now, planes(), side)).toBeCloseTo(0.25, 6);
  expect(changeOf(planes(), now, side)).toBeCloseTo(0.25, 6);
});
