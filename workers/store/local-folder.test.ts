import { expect, test } from "vitest";
import { sha256 } from "hash-wasm";
import { LocalFolder } from "./local-folder";
import { bytesOf, hashes, type Bytes } from "./testing/bytes";

const { signal } = new AbortController();
const files = { "a.json": bytesOf(100, 1), "onnx/b": bytesOf(50_000, 2) };
const paths = Object.keys(files);

const picked = (contents: Readonly<Record<string, Bytes | string>>) =>
  Object.entries(contents).map(([path, content]) => ({
    path,
    file: new Blob([content]),
  }));

async function manifestOf(contents: Readonly<Record<string, Bytes>>) {
  const entries = Object.entries(contents).map(async ([path, bytes]) => {
    return [path, { bytes: bytes.length, sha256: await sha256(bytes) }];
  });
  const all = Object.fromEntries(await Promise.all(entries)) as unknown;
  return JSON.stringify({ version: 1, name: "Mine", files: all });
}

test("uses files unverified without a manifest", async () => {
  const given = picked(files);
  const folder = await LocalFolder.open("nano", given);
  expect(folder.name).toBe("nano");
  const blobs = await folder.fetch(paths, signal, () => undefined);
  expect(blobs.get("onnx/b")).toBe(given[1]?.file);
  const facts = await folder.stat([...paths, "c"]);
  expect([...facts.values()]).toEqual([
    { path: "a.json", bytes: 100, kept: 100 },
    { path: "onnx/b", bytes: 50_000, kept: 50_000 },
  ]);
});

test("verifies files by the manifest, which has the name", async () => {
  const manifest = await manifestOf(files);
  const given = picked({ ...files, "manifest.json": manifest });
  const folder = await LocalFolder.open("nano", given);
  expect(folder.name).toBe("Mine");
  const seen: number[] = [];
  const blobs = await folder.fetch(paths, signal, ({ loaded }) => {
    seen.push(loaded);
  });
  expect(await hashes(Object.fromEntries(blobs))).toEqual(await hashes(files));
  expect(seen.at(-1)).toBe(50_100);
});

test.each([
  ["flipped", files["onnx/b"].with(7, 0).with(8, 0)],
  ["cut", files["onnx/b"].slice(1)],
])("rejects with model-corrupt when a file is %s", async (_, bytes) => {
  const manifest = await manifestOf(files);
  const given = picked({
    ...files,
    "onnx/b": bytes,
    "manifest.json": manifest,
  });
  const folder = await LocalFolder.open("nano", given);
  await expect(
    folder.fetch(paths, signal, () => undefined),
  ).rejects.toMatchObject({
    code: "model-corrupt",
    message: expect.stringContaining("onnx/b") as string,
  });
});

test("rejects with model-corrupt when the manifest is not JSON", async () => {
  const given = picked({ ...files, "manifest.json": "{" });
  await expect(LocalFolder.open("nano", given)).rejects.toMatchObject({
    code: "model-corrupt",
    message: expect.stringContaining("manifest.json") as string,
  });
});

test("rejects with model-file-missing", async () => {
  const folder = await LocalFolder.open("nano", picked(files));
  await expect(
    folder.fetch(["c.json"], signal, () => undefined),
  ).rejects.toMatchObject({
    code: "model-file-missing",
    message: "The folder nano has no c.json.",
  });
});
