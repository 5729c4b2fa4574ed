import { expect, test } from "vitest";
import { parseColor } from "./color";

test.each([
  ["white", [255, 255, 255]],
  ["black", [0, 0, 0]],
  ["#8a2be2", [138, 43, 226]],
  ["#8A2BE2", [138, 43, 226]],
  ["#f80", [255, 136, 0]],
])("parses %s", (text, rgb) => {
  expect(parseColor(text)).toEqual(rgb);
});

test.each(["", "red", "#12", "#1234", "#12345g", "8a2be2", "constructor"])(
  "rejects “%s”",
  (text) => {
    expect(parseColor(text)).toBeUndefined();
  },
);
