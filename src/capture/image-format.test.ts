import { describe, expect, test } from "vitest";
import { isComplete, imageType } from "./image-format";

type Bytes = Uint8Array<ArrayBuffer>;

const bytes = (...parts: (string | number[])[]): Bytes =>
  Uint8Array.from(
    parts.flatMap((part) =>
      typeof part === "string"
        ? [...part].map((char) => char.charCodeAt(0))
        : part,
    ),
  );

const check = (file: Bytes): boolean | undefined =>
  isComplete(file, imageType(file));

// A thumbnail with an end of its own, a restart marker, a stuffed FF.
const jpeg = bytes(
  [0xff, 0xd8],
  [0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9],
  [0xff, 0xda, 0, 3, 1],
  [10, 0xff, 0, 20, 0xff, 0xd0, 30],
  [0xff, 0xd9],
);
const webp = bytes("RIFF", [14, 0, 0, 0], "WEBP", "VP8L", [2, 0, 0, 0], [1, 2]);
const avif = bytes([0, 0, 0, 12], "ftypavif", [0, 0, 0, 10], "mdat", [1, 2]);
/** 4 x 1 pixels: the codes 4 (clear), 0, 1 and 2 of three bits, then 3 and 5 (end)
 * of four bits. */
const gif = bytes(
  "GIF89a",
  [4, 0, 1, 0, 0x81, 0, 0],
  Array<number>(12).fill(0),
  [0x21, 0xf9, 4, 0, 0, 0, 0, 0],
  [0x2c, 0, 0, 0, 0, 4, 0, 1, 0, 0],
  [2, 3, 0b01_000_100, 0b0011_010_0, 0b0101, 0],
  [0x3b],
);

test.each([
  ["jpeg", jpeg],
  ["webp", webp],
  ["avif", avif],
  ["gif", gif],
] as const)("%s is complete, also before other bytes", (type, file) => {
  expect(imageType(file)).toBe(type);
  expect(check(file)).toBe(true);
  for (const more of [[0], [0x0d, 0x0a], Array<number>(64).fill(0)]) {
    expect(check(Uint8Array.from([...file, ...more]))).toBe(true);
  }
});

test.each([
  ["webp", webp],
  ["avif", avif],
] as const)("%s is truncated if a byte is missing", (type, file) => {
  for (let length = 14; length < file.length; length++) {
    expect(isComplete(file.subarray(0, length), type)).toBe(false);
  }
});

describe("JPEG without an end marker", () => {
  test("is left to the decoder in its only scan", () => {
    for (let length = 15; length < jpeg.length; length++) {
      expect(check(jpeg.subarray(0, length))).toBeUndefined();
    }
  });

  test("is truncated before its scan", () => {
    for (let length = 3; length < 15; length++) {
      expect(check(jpeg.subarray(0, length))).toBe(false);
    }
  });

  test("is complete in the second scan of a progressive file", () => {
    const start = [0xff, 0xd8, 0xff, 0xc2, 0, 3, 0];
    const scan = [0xff, 0xda, 0, 3, 1, 10, 20];
    expect(check(bytes(start, scan))).toBeUndefined();
    expect(check(bytes(start, scan, scan))).toBe(true);
  });
});

describe("GIF", () => {
  test("needs neither a trailer nor the end of its sub-blocks", () => {
    for (const missing of [1, 2, 3]) {
      expect(check(gif.subarray(0, -missing))).toBe(true);
    }
  });

  test("is truncated without its last pixel", () => {
    for (let length = 13; length < gif.length - 3; length++) {
      expect(check(gif.subarray(0, length))).toBe(false);
    }
  });
});

test("leaves other formats to the decoder", () => {
  for (const file of [bytes("<svg/>"), bytes("BM"), bytes("just a text")]) {
    expect(imageType(file)).toBeUndefined();
    expect(check(file)).toBe(true);
  }
});
