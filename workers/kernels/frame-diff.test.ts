import { expect, test } from "vitest";
import { frameDiffReference } from "./frame-diff.reference";

const size = 64;
const planes = (fill = 0): Float32Array =>
  new Float32Array(3 * size * size).fill(fill);

test("is 0 for equal frames", () => {
  expect(frameDiffReference(planes(0.3), planes(0.3), size)).toBe(0);
});

test("is 1 from black to white", () => {
  expect(frameDiffReference(planes(1), planes(0), size)).toBe(1);
});

test("is the mean over the channels of the most different tile", () => {
  const now = planes();
  // One tile of 4 x 4 pixels in one of the planes, in its last corner.
  for (let y = 60; y < 64; y++) {
    for (let x = 60; x < 64; x++) now[size * size + y * size + x] = 0.75;
  }
  expect(frameDiffReference(now, planes(), size)).toBeCloseTo(0.25, 6);
  expect(frameDiffReference(planes(), now, size)).toBeCloseTo(0.25, 6);
});
