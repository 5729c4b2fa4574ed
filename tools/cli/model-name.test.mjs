// @ts-check
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findModel, requireKnown } from "./model-name.mjs";

test.each([
  ["https://example.org/models/x", "url"],
  ["HTTP://127.0.0.1:8000/x/", "url"],
  ["owner/name", "hub"],
  ["owner/na.me-1_x@refs/pr/1", "hub"],
  ["fastvlm-0.5b", "name"],
])("%s is a %s", (model, kind) => {
  expect(findModel(model)).toEqual({ kind, model, local: false });
});

test("accepts a folder with any name", () => {
  const base = mkdtempSync(join(tmpdir(), "models-"));
  for (const name of ["mine", "owner/name"]) {
    mkdirSync(join(base, name), { recursive: true });
    const path = join(base, name);
    expect(() => findModel(path)).toThrow(/no config\.json/);
    writeFileSync(join(path, "config.json"), "{}");
    expect(findModel(path)).toEqual({ kind: "folder", path, local: true });
  }
  writeFileSync(join(base, "file"), "");
  expect(() => findModel(join(base, "file"))).toThrow(/Folder not found/);
});

test.each(["./none", "../none", "/none/at/all", "a/b/c", "none/", ""])(
  "rejects %s, which does not exist",
  (model) => {
    expect(() => findModel(model)).toThrow(
      expect.objectContaining({ code: "model-file-missing" }),
    );
  },
);

test("rejects unknown names", () => {
  const registry = [{ name: "nano" }];
  expect(() => requireKnown("Nano", registry)).not.toThrow();
  expect(() => requireKnown("none", registry)).toThrow(
    expect.objectContaining({ code: "model-file-missing" }),
  );
});
