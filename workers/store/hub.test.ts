import { sha256 } from "hash-wasm";
import { beforeEach, expect, test } from "vitest";
import type { ModelSource } from "../../src/shared/models";
import { openPreviousFolder, openFolder } from "./open-folder";
import { bytesOf, hashes, type Bytes } from "./testing/bytes";
import { CrashDisk } from "./testing/crash-disk";
import { FakeServer } from "./testing/fake-server";
import { beOnline, openTab } from "./testing/tab";

const source = {
  kind: "hub",
  endpoint: "https://hub.test",
  id: "me/model",
  revision: "main",
} as const satisfies ModelSource;
const { signal } = new AbortController();
const config = new TextEncoder().encode('{"a": 1}');
const [first, second] = ["1".repeat(40), "2".repeat(40)];

let disk: CrashDisk;
let server: FakeServer;

beOnline();

beforeEach(() => {
  disk = new CrashDisk();
  server = new FakeServer(16_384);
});

const publish = (
  commit: string,
  files: Readonly<Record<string, Bytes>>,
  card = {},
) => server.commit(source.id, commit, files, card);

const tab = () => openTab(server.net, disk.tab());

async function load(paths: string[], store = tab()) {
  const folder = await openFolder(store, source, signal);
  const blobs = await folder.fetch(paths, signal, () => undefined);
  return { folder, loaded: await hashes(Object.fromEntries(blobs)) };
}

const old = {
  "config.json": config,
  "onnx/a": bytesOf(20_000, 1),
  "onnx/b": bytesOf(30_000, 2),
};
const next = { ...old, "onnx/b": bytesOf(30_000, 3) };
const paths = Object.keys(old);

test("pins a branch to its commit and reads the licence from the model card", async () => {
  await publish(first, old, {
    license: "other",
    license_name: "apple-amlr",
    license_link: "LICENSE",
  });
  const { folder, loaded } = await load(paths);
  expect(loaded).toEqual(await hashes(old));
  expect(folder.commit).toBe(first);
  expect(folder.name).toBe("me/model");
  expect(folder.license).toEqual({
    id: "apple-amlr",
    name: "apple-amlr",
    url: "https://hub.test/me/model/blob/main/LICENSE",
  });
  expect(server.requests.filter((line) => line.startsWith("HEAD"))).toEqual([]);
});

test("verifies small files by their git hash", async () => {
  await publish(first, old);
  const spoiled = new TextEncoder().encode('{"a": 2}');
  server.put(`/me/model/resolve/${first}/config.json`, spoiled);
  await expect(load(paths)).rejects.toMatchObject({
    code: "model-corrupt",
    message: expect.stringContaining("config.json") as string,
  });
});

test("downloads only the changed files of a new commit", async () => {
  await publish(first, old);
  await load(paths);
  await publish(second, next);
  server.clear();
  const { folder, loaded } = await load(paths);
  expect(folder.commit).toBe(second);
  expect(loaded).toEqual(await hashes(next));
  const sent = server.hub.requests.map(({ file }) => file);
  expect(new Set(sent)).toEqual(new Set(["", "onnx/b"]));
  // Files of the old commit only are deleted.
  expect(disk.files.size).toBe(paths.length);
});

test("opens the stored commit until the new one is complete", async () => {
  await publish(first, old);
  await load(paths);
  await publish(second, next);
  server.hub.faults.add({ kind: "status", value: 500, file: "onnx/b" });
  await expect(load(paths)).rejects.toMatchObject({ code: "download-failed" });
  const kept = await openPreviousFolder(tab(), source);
  expect(kept?.commit).toBe(first);
  server.down = true;
  const { folder, loaded } = await load(paths);
  expect(folder.commit).toBe(first);
  expect(loaded).toEqual(await hashes(old));
  server.down = false;
  server.hub.faults.clear();
  expect((await load(paths)).folder.commit).toBe(second);
  expect(await openPreviousFolder(tab(), source)).toBeUndefined();
});

test("keeps the stored commit when only small files of a new one are loaded", async () => {
  await publish(first, old);
  await load(paths);
  await publish(second, next);
  await load(["config.json"]);
  server.down = true;
  expect((await load(paths)).loaded).toEqual(await hashes(old));
});

test("opens the stored commit behind a network's login page", async () => {
  await publish(first, old);
  await load(paths);
  server.hub.faults.add({ kind: "page" });
  expect((await load(paths)).loaded).toEqual(await hashes(old));
  disk = new CrashDisk();
  await expect(load(paths)).rejects.toMatchObject({
    code: "download-failed",
    message: expect.stringContaining("the response is an HTML page") as string,
  });
});

test("sends no request for a recorded commit", async () => {
  const pinned = { ...source, revision: first };
  await publish(first, old);
  await openFolder(tab(), pinned, signal);
  server.clear();
  expect((await openFolder(tab(), pinned, signal)).commit).toBe(first);
  expect(server.requests).toEqual([]);
});

test("requests file by file from a mirror without the API", async () => {
  await publish(first, old);
  server.hub.faults.add({ kind: "no-api" });
  const { folder, loaded } = await load(paths);
  expect(folder.commit).toBe(first);
  expect(loaded).toEqual(await hashes(old));
  const facts = await folder.stat([...paths, "onnx/c"], signal);
  expect([...facts.keys()]).toEqual(paths);
  expect(facts.get("onnx/a")).toEqual({
    path: "onnx/a",
    bytes: 20_000,
    kept: 20_000,
  });
  server.down = true;
  expect((await load(paths)).loaded).toEqual(await hashes(old));
});

test("knows the hashes of a mirror that sends the files itself", async () => {
  await publish(first, old);
  server.hub.faults.add({ kind: "no-api" });
  server.hub.faults.add({ kind: "direct" });
  const { folder } = await load(paths);
  const files = await folder.stat(["onnx/a"], signal);
  expect(files.get("onnx/a")?.sha256).toBe(await sha256(old["onnx/a"]));
});

test("rejects a gated model with download-failed", async () => {
  await publish(first, old);
  server.hub.faults.add({ kind: "gated" });
  await expect(load(paths)).rejects.toMatchObject({
    code: "download-failed",
    message: expect.stringContaining(
      "private or gated, or it does not exist",
    ) as string,
  });
});

test("rejects an unknown model with model-file-missing", async () => {
  await expect(load(paths)).rejects.toMatchObject({
    code: "model-file-missing",
    message: "hub.test has no public model me/model.",
  });
});

test("rejects an unknown revision with model-file-missing", async () => {
  await publish(first, old);
  const opening = openFolder(tab(), { ...source, revision: "v2" }, signal);
  await expect(opening).rejects.toMatchObject({
    code: "model-file-missing",
    message: "hub.test has no model me/model at v2.",
  });
});

test("asks the hub again when the signature of a redirect has expired", async () => {
  await publish(first, old);
  server.hub.faults.add({ kind: "expired", times: 3 });
  expect((await load(paths)).loaded).toEqual(await hashes(old));
  // Nothing refers to the CDN's URLs but the redirects.
  const resolved = server.requests.filter((line) => line.includes("/resolve/"));
  const other = server.requests.filter((line) => line.includes("/xet-"));
  expect(resolved.length).toBeGreaterThanOrEqual(other.length);
});

test("rejects with download-failed when every signature has expired", async () => {
  await publish(first, old);
  server.hub.faults.add({ kind: "expired", file: "onnx/a" });
  await expect(load(paths)).rejects.toMatchObject({
    code: "download-failed",
    message: expect.stringMatching(/onnx\/a .* HTTP 403/) as string,
  });
});

test.each(["onnx/a", "config.json", "api/**"])(
  "answers without bytes for %s are failed downloads",
  async (file) => {
    await publish(first, old);
    server.hub.faults.add({ kind: "end", value: 0, file, times: 3 });
    expect((await load(paths)).loaded).toEqual(await hashes(old));
    disk = new CrashDisk();
    server.hub.faults.add({ kind: "end", value: 0, file });
    await expect(load(paths)).rejects.toMatchObject({
      code: "download-failed",
      message: expect.stringContaining("the server sent no bytes") as string,
    });
  },
);

test("rejects a model without config.json on a mirror without the API", async () => {
  await publish(first, { "onnx/a": old["onnx/a"] });
  server.hub.faults.add({ kind: "no-api" });
  await expect(load(paths)).rejects.toMatchObject({
    code: "model-file-missing",
    message: expect.stringContaining("me/model has no config.json") as string,
  });
});

test("waits while the hub limits requests, and downloads nothing twice", async () => {
  await publish(first, old);
  server.hub.faults.add({ kind: "busy", value: 300, file: "api/**", times: 2 });
  server.hub.faults.add({ kind: "busy", value: 300, file: "onnx/*", times: 9 });
  const store = tab();
  const left: (number | undefined)[] = [];
  store.net.limits.listen((seconds) => left.push(seconds));
  expect((await load(paths, store)).loaded).toEqual(await hashes(old));
  expect(left.slice(0, 3)).toEqual([2, 1, undefined]);
  expect(left.at(-1)).toBeUndefined();
  const bytes = server.hub.requests.reduce((sum, { bytes }) => sum + bytes, 0);
  expect(bytes).toBe(50_008);
});

test("loads a stored model at once while the hub limits requests", async () => {
  await publish(first, old);
  await load(paths);
  server.hub.faults.add({ kind: "busy", value: 300 });
  expect((await load(paths)).loaded).toEqual(await hashes(old));
  expect(server.waits).toEqual([]);
});

test("sends no request that needs a preflight", async () => {
  await publish(first, old);
  await load(paths);
  for (const { method, range = "bytes=0-" } of server.hub.requests) {
    expect(method).toBe("GET");
    expect(range).toMatch(/^bytes=\d+-\d*$/);
  }
});
