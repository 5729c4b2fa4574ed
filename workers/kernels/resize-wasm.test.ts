import { expect, test } from "vitest";
import { letterbox, stretch, type Geometry } from "./resize-geometry";
import { WasmResizer, type ReadPixels } from "./resize-wasm";
import { resizeToPlanes } from "./resize.reference";
import {
  findDifference,
  goldenCases,
  paint,
  readerOf,
} from "./testing/resize-golden";

// One for all: what an image leaves in memory must not change the next.
const resizer = new WasmResizer();

/** Reads an image in memory, in rectangles that a video frame can be read in. */
function reader(
  rgba: Uint8ClampedArray,
  width: number,
  height: number,
): ReadPixels {
  const read = readerOf(rgba, width);
  return (x, y, columns, rows, target) => {
    expect([x % 2, y % 2]).toEqual([0, 0]);
    if (x + columns < width) expect(columns % 2).toBe(0);
    if (y + rows < height) expect(rows % 2).toBe(0);
    target.set(read(x, y, columns, rows));
  };
}

for (const wanted of goldenCases) {
  test(`${wanted.title} equals Pillow bit for bit`, async () => {
    const { width, height } = wanted;
    const read = reader(paint(width, height), width, height);
    const resize = (geometry: Geometry) => resizer.run(read, geometry);
    expect(await findDifference(wanted, resize)).toBe("");
  });
}

test.each<[string, number, number, Geometry]>([
  ["rows", 3001, 1203, letterbox(3001, 1203, 64)],
  ["columns", 1203, 3001, stretch(1203, 3001, 64)],
])("bands of %s do not change the result", async (_, width, height, square) => {
  const rgba = paint(width, height);
  const read = reader(rgba, width, height);
  let bands = 0;
  const planes = await resizer.run((...rectangle) => {
    bands += 1;
    return read(...rectangle);
  }, square);
  expect(bands).toBeGreaterThan(1);
  // The floats too: Pillow's records have bytes.
  expect(planes).toEqual(resizeToPlanes(readerOf(rgba, width), square));
});
