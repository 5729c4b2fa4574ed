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
  expect(findModel(model)).toEqual({ kind, model, here: false });
});

test("a folder is a folder, whatever it is called", () => {
  const base = mkdtempSync(join(tmpdir(), "models-"));
  for (const name of ["mine", "owner/name"]) {
    mkdirSync(join(base, name), { recursive: true });
    const path = join(base, name);
    expect(() => findModel(path)).toThrow(/no config\.json/);
    writeFileSync(join(path, "config.json"), "{}");
    expect(findModel(path)).toEqual({ kind: "folder", path, here: true });
  }
  writeFileSync(join(base, "file"), "");
  expect(() => findModel(join(base, "file"))).toThrow(/no such folder/);
});

test.each(["./none", "../none", "/none/at/all", "a/b/c", "none/", ""])(
  "%s is not there",
  (model) => {
    expect(() => findModel(model)).toThrow(
      expect.objectContaining({ code: "model-file-missing" }),
    );
  },
);

test("a name has to be known", () => {
  const registry = [{ name: "nano" }];
  expect(() => requireKnown("Nano", registry)).not.toThrow();
  expect(() => requireKnown("none", registry)).toThrow(
    expect.objectContaining({ code: "model-file-missing" }),
  );
});
