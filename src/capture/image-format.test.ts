import { expect, test } from "vitest";
import { isComplete, imageType } from "./image-format";

const bytes = (...parts: (string | number[])[]): Uint8Array =>
  Uint8Array.from(
    parts.flatMap((part) =>
      typeof part === "string"
        ? [...part].map((char) => char.charCodeAt(0))
        : part,
    ),
  );

const png = bytes(
  "\x89PNG\r\n\x1a\n",
  [0, 0, 0, 2],
  "IDAT",
  [1, 2, 0, 0, 0, 0],
  [0, 0, 0, 0],
  "IEND",
  [0xae, 0x42, 0x60, 0x82],
);

// A thumbnail with an end of its own, a restart marker, a stuffed FF.
const jpeg = bytes(
  [0xff, 0xd8],
  [0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9],
  [0xff, 0xda, 0, 3, 1],
  [10, 0xff, 0, 20, 0xff, 0xd0, 30],
  [0xff, 0xd9],
);

const webp = bytes("RIFF", [8, 0, 0, 0], "WEBP", "VP8L");
const avif = bytes([0, 0, 0, 12], "ftypavif", [0, 0, 0, 10], "mdat", [1, 2]);
const gif = bytes("GIF89a", [1, 0, 1, 0, 0, 0, 0, 0x3b]);

test.each([
  ["png", png],
  ["jpeg", jpeg],
  ["webp", webp],
  ["avif", avif],
  ["gif", gif],
] as const)(
  "%s: complete as it is, truncated if a byte is missing",
  (type, file) => {
    expect(imageType(file)).toBe(type);
    expect(isComplete(file, type)).toBe(true);
    for (let length = 14; length < file.length; length++) {
      expect(isComplete(file.subarray(0, length), type)).toBe(false);
    }
  },
);

test.each([png, jpeg, webp, gif])("accepts bytes after the end", (file) => {
  const type = imageType(file);
  const longer = new Uint8Array(file.length + 8);
  longer.set(file);
  expect(isComplete(longer, type)).toBe(true);
});

test("recognises SVG by its root element and no other text", () => {
  const svg = `<?xml version="1.0"?>\n<!-- a note -->\n<svg xmlns="…">`;
  expect(imageType(bytes("<svg/>"))).toBe("svg");
  expect(imageType(new TextEncoder().encode(svg))).toBe("svg");
  expect(imageType(bytes("just a text"))).toBeUndefined();
  expect(imageType(bytes("<html><svg>"))).toBeUndefined();
});
