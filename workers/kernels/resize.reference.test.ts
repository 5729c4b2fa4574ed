import { expect, test } from "vitest";
import { letterbox } from "./resize-geometry";
import { resizeToPlanes } from "./resize.reference";
import {
  findDifference,
  goldenCases,
  paint,
  readerOf,
} from "./testing/resize-golden";

for (const wanted of goldenCases) {
  test(`${wanted.title} equals Pillow bit for bit`, async () => {
    const { width, height } = wanted;
    const read = readerOf(paint(width, height), width);
    const resize = (geometry: (typeof wanted.squares)[number]) =>
      resizeToPlanes(read, geometry);
    expect(await findDifference(wanted, resize)).toBe("");
  });
}

test("bands of rows do not change the result", () => {
  const width = 4096;
  const height = 1100;
  const read: number[] = [];
  const planes = resizeToPlanes(
    (x, y, columns, rows) => {
      expect([x, columns]).toEqual([0, width]);
      read.push(rows);
      const out = new Uint8Array(rows * columns * 4).fill(255);
      for (let i = 0; i < rows * columns; i++) {
        const row = y + Math.floor(i / columns);
        out.fill(((i % columns) * 7 + row * 13) & 255, i * 4, i * 4 + 3);
      }
      return out;
    },
    letterbox(width, height, 64),
  );
  expect(read.length).toBeGreaterThan(1);
  expect(read.reduce((a, b) => a + b)).toBe(height);
  // The black border above and below, and a mean of all greys between.
  expect(planes[32]).toBe(0);
  expect(planes[63 * 64 + 32]).toBe(0);
  expect(planes[32 * 64 + 32]).toBeCloseTo(0.5, 1);
});
