import { expect, test } from "vitest";
import { formatBytes, formatByteProgress, formatDuration } from "./format";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [2_100, "2.1 kB"],
  [99_960, "100.0 kB"],
  [11_400_000, "11.4 MB"],
  [505_000_000, "505 MB"],
  [1_116_402_100, "1.12 GB"],
])("%i bytes are %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0, "1 s"],
  [2.5, "3 s"],
  [59.5, "1 min"],
  [61, "2 min"],
  [3599, "1 h 0 min"],
  [7261, "2 h 2 min"],
])("%d seconds are %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
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
