import { expect, test } from "vitest";
import { formatBytes, formatByteProgress } from "./format-bytes";

test.each([
  [0, "0 B"],
  [2_100, "2.1 kB"],
  [11_400_000, "11.4 MB"],
  [505_000_000, "505 MB"],
  [1_116_402_100, "1.12 GB"],
])("%i bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test("a part has the unit of the whole", () => {
  expect(formatByteProgress(1_000, 20_000_000)).toEqual(["0.0", "20.0 MB"]);
  expect(formatByteProgress(90_000_000, 1_116_000_000)).toEqual([
    "0.09",
    "1.12 GB",
  ]);
});

test("numbers are written as their language does", () => {
  // ICU versions differ in whether the space before a unit may break.
  const plain = (text: string): string => text.replaceAll("\u00a0", " ");
  expect(plain(formatBytes(1_116_402_100, "de"))).toBe("1,12 GB");
  const [part, whole] = formatByteProgress(5e6, 20e6, "de");
  expect([part, plain(whole)]).toEqual(["5,0", "20,0 MB"]);
});
