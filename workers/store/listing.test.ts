import { expect, test } from "vitest";
import { findFile, readHubListing, readManifest } from "./listing";

const page = "https://hub.test/me/model/blob/main/";
const sha256 = "ab".repeat(32);
const blob = "cd".repeat(20);

const hub = (changes: object) =>
  readHubListing(
    { id: "me/model", siblings: [], ...changes },
    "asked/for",
    page,
  );

test("reads a hub's listing: SHA-256 of large files, git hash of small ones", () => {
  const listing = hub({
    sha: "E".repeat(40),
    siblings: [
      { rfilename: "config.json", size: 5, blobId: blob },
      {
        rfilename: "onnx/a.onnx",
        size: 130,
        blobId: blob,
        lfs: { sha256, size: 9, pointerSize: 130 },
      },
    ],
  });
  expect(listing).toEqual({
    name: "me/model",
    commit: "e".repeat(40),
    complete: true,
    files: {
      "config.json": { bytes: 5, blob },
      "onnx/a.onnx": { bytes: 9, sha256 },
    },
  });
});

test.each([
  [{ license: "mit" }, { id: "mit", name: "mit" }],
  [
    {
      license: "other",
      license_name: "amlr",
      license_link: "https://a.test/l",
    },
    { id: "amlr", name: "amlr", url: "https://a.test/l" },
  ],
  [
    { license: "mit", license_link: "javascript:alert(1)" },
    { id: "mit", name: "mit" },
  ],
  [{ license: ["mit"] }, undefined],
  ["card", undefined],
])("reads the licence of the card %j", (cardData, license) => {
  expect(hub({ cardData })?.license).toEqual(license);
});

test.each([null, [], "x", {}, { siblings: {} }, { siblings: [null] }])(
  "%j is not a hub's listing",
  (json) => {
    expect(readHubListing(json, "asked/for", page)).toBeUndefined();
  },
);

test("a path named like a method of Object is not a file", () => {
  const listing = hub({});
  expect(findFile(listing, "constructor")).toBeUndefined();
  expect(findFile(listing, "__proto__")).toBeUndefined();
  const odd = hub({ siblings: [{ rfilename: "__proto__", size: 1 }] });
  expect(findFile(odd, "__proto__")).toEqual({ bytes: 1 });
});

const manifest = (changes: object) =>
  readManifest({ version: 1, files: {}, ...changes }, "nano", page);

test("reads a manifest: SHA-256 of each file", () => {
  const entry = { bytes: 5, sha256: sha256.toUpperCase() };
  expect(
    manifest({
      name: "Nano",
      license: { id: "mit", name: "MIT", url: "LICENSE" },
      files: { "a.json": entry },
    }),
  ).toEqual({
    name: "Nano",
    complete: true,
    files: { "a.json": { bytes: 5, sha256 } },
    license: { id: "mit", name: "MIT", url: `${page}LICENSE` },
  });
});

test("ignores the manifest.json of a web app", () => {
  const json = { name: "App", start_url: "/", icons: [] };
  expect(readManifest(json, "nano", page)).toBeUndefined();
});

test.each([
  [{ files: { "a.json": { bytes: -1, sha256 } } }, "model-corrupt"],
  [{ files: { "a.json": { bytes: 5, sha256: "12" } } }, "model-corrupt"],
  [{ files: { "a.json": 5 } }, "model-corrupt"],
  [{ version: 2 }, "model-mismatch"],
])("rejects a manifest with %j", (changes, code) => {
  expect(() => manifest(changes)).toThrow(
    expect.objectContaining({
      code,
      message: expect.stringContaining("manifest.json") as string,
    }) as Error,
  );
});
