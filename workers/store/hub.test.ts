import { createHash } from "node:crypto";
import { beforeEach, expect, test } from "vitest";
import type { ModelSource } from "../../src/shared/models";
import { openPreviousRemoteFolder, openRemoteFolder } from "./open-folder";
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
const api = "/api/models/me/model/revision/main";
const [first, second] = ["1".repeat(40), "2".repeat(40)];

let disk: CrashDisk;
let server: FakeServer;

beOnline();

beforeEach(() => {
  disk = new CrashDisk();
  server = new FakeServer(16_384);
});

const hash = (algorithm: string, ...parts: (string | Bytes)[]) => {
  const hasher = createHash(algorithm);
  for (const part of parts) hasher.update(part);
  return hasher.digest("hex");
};

const gitHash = (bytes: Bytes) => hash("sha1", `blob ${bytes.length}\0`, bytes);

/** Serves a commit of a repository. */
function publish(
  sha: string,
  files: Readonly<Record<string, Bytes>>,
  card: object = {},
): void {
  const siblings = Object.entries(files).map(([rfilename, bytes]) => {
    server.put(`/me/model/resolve/${sha}/${rfilename}`, bytes);
    const sibling = { rfilename, size: bytes.length, blobId: gitHash(bytes) };
    if (!rfilename.startsWith("onnx/")) return sibling;
    const sha256 = hash("sha256", bytes);
    return {
      ...sibling,
      lfs: { sha256, size: bytes.length, pointerSize: 130 },
    };
  });
  const info = { id: source.id, sha, cardData: card, siblings };
  server.put(api, new TextEncoder().encode(JSON.stringify(info)));
}

const tab = () => openTab(server.net, disk.tab());

async function load(paths: string[], store = tab()) {
  const folder = await openRemoteFolder(store, source, signal);
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
  publish(first, old, {
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
  publish(first, old);
  const spoiled = new TextEncoder().encode('{"a": 2}');
  server.put(`/me/model/resolve/${first}/config.json`, spoiled);
  await expect(load(paths)).rejects.toMatchObject({
    code: "model-corrupt",
    message: expect.stringContaining("config.json") as string,
  });
});

test("downloads only the changed files of a new commit", async () => {
  publish(first, old);
  await load(paths);
  publish(second, next);
  server.sent.length = 0;
  const { folder, loaded } = await load(paths);
  expect(folder.commit).toBe(second);
  expect(loaded).toEqual(await hashes(next));
  const sent = server.sent.map(({ path }) => path.slice(-6));
  expect(new Set(sent)).toEqual(new Set(["n/main", "onnx/b"]));
  // Files of the old commit only are deleted.
  expect(disk.files.size).toBe(paths.length);
});

test("opens the stored commit until the new one is complete", async () => {
  publish(first, old);
  await load(paths);
  publish(second, next);
  server.fault = (path) =>
    path.endsWith("onnx/b") ? { kind: "status", status: 500 } : undefined;
  await expect(load(paths)).rejects.toMatchObject({ code: "download-failed" });
  const kept = await openPreviousRemoteFolder(tab(), source);
  expect(kept?.commit).toBe(first);
  server.down = true;
  const { folder, loaded } = await load(paths);
  expect(folder.commit).toBe(first);
  expect(loaded).toEqual(await hashes(old));
  server.down = false;
  server.fault = () => undefined;
  expect((await load(paths)).folder.commit).toBe(second);
  expect(await openPreviousRemoteFolder(tab(), source)).toBeUndefined();
});

test("keeps the stored commit when only small files of a new one are loaded", async () => {
  publish(first, old);
  await load(paths);
  publish(second, next);
  await load(["config.json"]);
  server.down = true;
  expect((await load(paths)).loaded).toEqual(await hashes(old));
});

test("opens the stored commit behind a network's login page", async () => {
  publish(first, old);
  await load(paths);
  const page = new TextEncoder().encode("<!doctype html>Log in");
  for (const path of server.files.keys()) {
    server.put(path, page, { "content-type": "text/html" });
  }
  server.put("/me/model/resolve/main/config.json", page, {
    "content-type": "text/html",
  });
  expect((await load(paths)).loaded).toEqual(await hashes(old));
  disk = new CrashDisk();
  await expect(load(paths)).rejects.toMatchObject({
    code: "download-failed",
    message: expect.stringContaining("the answer is an HTML page") as string,
  });
});

test("sends no request for a recorded commit", async () => {
  const pinned = { ...source, revision: first };
  publish(first, old);
  server.put(
    `/api/models/me/model/revision/${first}`,
    server.files.get(api)?.bytes ?? new Uint8Array(),
  );
  await openRemoteFolder(tab(), pinned, signal);
  server.requests.length = 0;
  expect((await openRemoteFolder(tab(), pinned, signal)).commit).toBe(first);
  expect(server.requests).toEqual([]);
});

test("requests file by file from a mirror without the API", async () => {
  for (const [path, bytes] of Object.entries(old)) {
    const linked = { "x-linked-size": String(bytes.length) };
    const headers = path.startsWith("onnx/")
      ? { ...linked, "x-linked-etag": `"${hash("sha256", bytes)}"` }
      : { etag: `"${gitHash(bytes)}"` };
    for (const at of ["main", first]) {
      const commit = { ...headers, "x-repo-commit": first };
      server.put(`/me/model/resolve/${at}/${path}`, bytes, commit);
    }
  }
  const { folder, loaded } = await load(paths);
  expect(folder.commit).toBe(first);
  expect(loaded).toEqual(await hashes(old));
  const facts = await folder.stat([...paths, "onnx/c"], signal);
  expect([...facts.keys()]).toEqual(paths);
  expect(facts.get("onnx/a")).toEqual({
    path: "onnx/a",
    bytes: 20_000,
    kept: 20_000,
    sha256: hash("sha256", old["onnx/a"]),
  });
  server.down = true;
  expect((await load(paths)).loaded).toEqual(await hashes(old));
});

test.each([
  [401, "download-failed", "private, gated or does not exist"],
  [404, "model-file-missing", "me/model has no config.json"],
])("rejects when the hub answers %i: %s", async (status, code, words) => {
  server.put(api, new Uint8Array());
  server.fault = () => ({ kind: "status", status });
  await expect(load(paths)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(words) as string,
  });
});
