// @ts-check
import { expect, test } from "vitest";
import { recordName } from "./record.mjs";

const nano = {
  device: "webgpu",
  adapter: "google swiftshader",
  model: "nano",
  size: 256,
};

test("nano as it is has the adapter's name", () => {
  expect(recordName(nano, {})).toBe("google-swiftshader");
  expect(recordName(nano, { size: "0", dtype: "auto" })).toBe(
    "google-swiftshader",
  );
  expect(recordName({ ...nano, device: "wasm" }, {})).toBe("wasm");
});

test("no other run takes its place", () => {
  expect(recordName({ ...nano, size: 512 }, { size: "512" })).toBe(
    "google-swiftshader-nano-512",
  );
  expect(recordName(nano, { dtype: "q4" })).toBe("google-swiftshader-q4");
  expect(recordName({ ...nano, model: "a/B-0.5", size: 1024 }, {})).toBe(
    "google-swiftshader-a-b-0-5-1024",
  );
});
