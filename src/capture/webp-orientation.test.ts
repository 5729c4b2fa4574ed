import { expect, test } from "vitest";
import { orient, isTurned, webpOrientation } from "./webp-orientation";
import { exif } from "../testing/image-files";

const ascii = (text: string): number[] =>
  Array.from(text, (char) => char.charCodeAt(0));

/** A WebP file of an image chunk of odd length, then `data` as EXIF. */
function webp(data: readonly number[]): Uint8Array {
  return Uint8Array.from([
    ...ascii("RIFF"),
    ...[0, 0, 0, 0],
    ...ascii("WEBPVP8L"),
    ...[3, 0, 0, 0, 9, 9, 9, 0],
    ...ascii("EXIF"),
    ...[data.length, 0, 0, 0, ...data],
  ]);
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])("reads orientation %i", (value) => {
  expect(webpOrientation(webp(exif(value)))).toBe(value);
  expect(webpOrientation(webp(exif(value, true)))).toBe(value);
  const prefixed = [...ascii("Exif\0\0"), ...exif(value)];
  expect(webpOrientation(webp(prefixed))).toBe(value);
});

test("returns 1 for truncated, foreign or invalid data", () => {
  const whole = webp(exif(6));
  for (let length = 0; length < whole.length - 6; length++) {
    expect(webpOrientation(whole.subarray(0, length))).toBe(1);
  }
  expect(webpOrientation(webp(exif(9)))).toBe(1);
  expect(webpOrientation(webp(exif(0)))).toBe(1);
});

test("every orientation maps the stored image onto the displayed one", () => {
  const [width, height] = [30, 20];
  for (let value = 1; value <= 8; value++) {
    const [a, b, c, d, e, f] = orient(value, width, height);
    const corners = [
      [0, 0],
      [width, height],
    ].map(([x = 0, y = 0]) => [a * x + c * y + e, b * x + d * y + f]);
    const shown = isTurned(value) ? [height, width] : [width, height];
    const sorted = [0, 1].map((axis) =>
      corners.map((corner) => corner[axis] ?? NaN).sort((p, q) => p - q),
    );
    expect(sorted).toEqual([
      [0, shown[0]],
      [0, shown[1]],
    ]);
  }
});
