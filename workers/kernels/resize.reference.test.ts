import { expect, test } from "vitest";
import { resizeToPlanes } from "./resize.reference";
import golden from "./testing/resize.golden.json";

function bytes(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

function toRgba(rgb: Uint8Array): Uint8Array {
  const rgba = new Uint8Array((rgb.length / 3) * 4).fill(255);
  rgb.forEach((value, i) => {
    rgba[Math.floor(i / 3) * 4 + (i % 3)] = value;
  });
  return rgba;
}

for (const { width, height, side, rowStep, rgb, expected } of golden.cases) {
  test(`${String(width)}x${String(height)} to ${String(side)} is Pillow's, bit for bit`, () => {
    const rgba = toRgba(bytes(rgb));
    const planes = resizeToPlanes(
      {
        width,
        height,
        rows: (from, to) => rgba.subarray(from * width * 4, to * width * 4),
      },
      side,
    );
    const pillow = bytes(expected);
    const ours = pillow.map((_, i) => {
      const x = Math.floor(i / 3) % side;
      const y = Math.floor(i / 3 / side) * rowStep;
      const value = planes[(i % 3) * side * side + y * side + x] ?? NaN;
      return Math.round(value * 255);
    });
    expect(ours).toEqual(pillow);
  });
}

test("bands of rows do not change the result", () => {
  const width = 4096;
  const height = 1100;
  const read: number[] = [];
  const pixel = (x: number, y: number): number => (x * 7 + y * 13) & 255;
  const rows = (from: number, to: number): Uint8Array => {
    read.push(to - from);
    const out = new Uint8Array((to - from) * width * 4).fill(255);
    for (let y = from; y < to; y++) {
      for (let x = 0; x < width; x++) {
        out.fill(
          pixel(x, y),
          ((y - from) * width + x) * 4,
          ((y - from) * width + x) * 4 + 3,
        );
      }
    }
    return out;
  };
  const planes = resizeToPlanes({ width, height, rows }, 64);
  expect(read.length).toBeGreaterThan(1);
  expect(read.reduce((a, b) => a + b)).toBe(height);
  // The black border above and below, and a mean of all greys between.
  expect(planes[32]).toBe(0);
  expect(planes[63 * 64 + 32]).toBe(0);
  expect(planes[32 * 64 + 32]).toBeCloseTo(0.5, 1);
});
