import { expect, test } from "vitest";
import { localFolder } from "./folder";

/** A file as `<input webkitdirectory>` gives it. */
function picked(path: string): File {
  const file = new File([path], path.split("/").at(-1) ?? "");
  Object.defineProperty(file, "webkitRelativePath", { value: path });
  return file;
}

const paths = (files: Iterable<File>): [name: string, ...paths: string[]] => {
  const source = localFolder(files);
  if (source.kind !== "folder") throw new Error("no folder");
  return [source.name, ...source.files.map(({ path }) => path)];
};

test.each<[what: string, given: string[], model: string[]]>([
  [
    "a model's own folder",
    ["model/config.json", "model/onnx/vision_encoder.onnx"],
    ["model", "config.json", "onnx/vision_encoder.onnx"],
  ],
  [
    "its parent folder",
    ["all/readme.md", "all/model/config.json", "all/model/onnx/a.onnx"],
    ["model", "config.json", "onnx/a.onnx"],
  ],
  [
    "a model with another config.json in a subfolder",
    ["model/config.json", "model/1_Pooling/config.json"],
    ["model", "config.json", "1_Pooling/config.json"],
  ],
  [
    "files without a folder",
    ["config.json", "tokenizer.json"],
    ["folder", "config.json", "tokenizer.json"],
  ],
])("%s", (_, given, model) => {
  expect(paths(given.map(picked))).toEqual(model);
});

test("accepts files with their paths", () => {
  const file = new Blob(["{}"]);
  const given = [{ path: "model/config.json", file }];
  expect(localFolder(given)).toEqual({
    kind: "folder",
    name: "model",
    files: [{ path: "config.json", file }],
  });
});

test("returns the same source for the same list only", () => {
  const given = [picked("model/config.json")];
  expect(localFolder(given)).toBe(localFolder(given));
  expect(localFolder([...given])).not.toBe(localFolder(given));
});

test.each([
  [[], "model-file-missing", /is empty/],
  [
    ["holiday/a.jpg"],
    "model-file-missing",
    /config\.json in the folder holiday/,
  ],
  [["a/not-config.json"], "model-file-missing", /no config\.json/],
  [
    ["all/one/config.json", "all/two/config.json"],
    "bad-option",
    /all\/one\/, all\/two\//,
  ],
])("rejects %j with %s", (given, code, message) => {
  expect(() => localFolder(given.map(picked))).toThrow(
    expect.objectContaining({
      code,
      message: expect.stringMatching(message) as string,
    }),
  );
});
