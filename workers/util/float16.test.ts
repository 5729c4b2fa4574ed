import { expect, test } from "vitest";
import { fromHalf, toHalf } from "./float16";

const all = Uint16Array.from({ length: 65536 }, (_, i) => i);

test("converts every half to a float and back", () => {
  const floats = fromHalf(all);
  const known: [number, number][] = [
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x3c00, 1],
    [0x7bff, 65504],
    [0x7c00, Infinity],
    [0xc000, -2],
  ];
  for (const [bits, value] of known) expect(floats[bits]).toBe(value);
  expect(Object.is(floats[0x8000], -0)).toBe(true);
  expect(floats[0x7e01]).toBeNaN();
  const again = toHalf(floats);
  for (const bits of all) {
    if (Number.isNaN(floats[bits])) continue;
    expect(again[bits]).toBe(bits);
  }
});

test("rounds to nearest, ties to even", () => {
  const floats = fromHalf(all);
  for (let bits = 0; bits < 0x7bff; bits++) {
    const [low = 0, high = 0] = [floats[bits], floats[bits + 1]];
    const middle = (low + high) / 2;
    const inputs = [
      middle - (high - low) / 8,
      middle,
      middle + (high - low) / 8,
    ];
    const even = bits % 2 === 0 ? bits : bits + 1;
    expect([...toHalf(Float32Array.from(inputs))]).toEqual([
      bits,
      even,
      bits + 1,
    ]);
  }
  expect([...toHalf(Float32Array.of(65519.99, 65520, 1e30, -1e30, 1e-30, NaN))]) //
    .toEqual([0x7bff, 0x7c00, 0x7c00, 0xfc00, 0, 0x7e00]);
});
