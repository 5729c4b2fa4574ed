import { beforeEach, expect, test } from "vitest";
import type { ModelSource } from "../../src/shared/models";
import { openFolder } from "./open-folder";
import type { Store } from "./store";
import { bytesOf, hashes, type Bytes } from "./testing/bytes";
import { FakeServer } from "./testing/fake-server";
import { beOnline, openTab } from "./testing/tab";

/** A server without a manifest. */
const source = {
  kind: "url",
  url: "https://mirror.test/my%20model/",
} as const satisfies ModelSource;
const { signal } = new AbortController();
const [old, next] = [bytesOf(100_000, 1), bytesOf(100_000, 2)];

let server: FakeServer;
let store: Store;

beOnline();

beforeEach(() => {
  server = new FakeServer(16_384);
  store = openTab(server.net);
});

const put = (path: string, bytes: Bytes, headers = {}) => {
  server.put(`/my%20model/${path}`, bytes, headers);
};

async function load(...paths: string[]) {
  const folder = await openFolder(store, source, signal);
  const blobs = await folder.fetch(paths, signal, () => undefined);
  return hashes(Object.fromEntries(blobs));
}

test("requests the metadata of each file once", async () => {
  put("a", old, { etag: '"1"' });
  const folder = await openFolder(store, source, signal);
  expect(folder.name).toBe("my model");
  const both = [folder.stat(["a", "b"], signal), folder.stat(["a"], signal)];
  const [first, second] = await Promise.all(both);
  expect(first?.get("a")).toEqual({ path: "a", bytes: 100_000, kept: 0 });
  expect([...(second?.keys() ?? [])]).toEqual(["a"]);
  expect(first?.has("b")).toBe(false);
  const asked = server.requests.filter((line) => line.startsWith("HEAD"));
  expect(asked).toHaveLength(2);
});

test("downloads a changed file again, an unchanged one not", async () => {
  put("a", old, { etag: 'W/"1"' });
  put("b", old, { "last-modified": "Mon, 01 Jan 2024 00:00:00 GMT" });
  await load("a", "b");
  put("a", next, { etag: '"2"' });
  server.clear();
  const all = await load("a", "b");
  expect(all).toEqual(await hashes({ a: next, b: old }));
  expect(server.sent.every(({ path }) => path.endsWith("/a"))).toBe(true);
});

test("never mixes two versions of a file", async () => {
  put("a", old, { etag: '"1"' });
  server.fault = (path, from) => {
    if (path.endsWith("/a") && from > 40_000) put("a", next, { etag: '"2"' });
    return undefined;
  };
  expect(await load("a")).toEqual(await hashes({ a: next }));
});

test("rejects when a file keeps changing", async () => {
  let version = 0;
  put("a", old, { etag: '"0"' });
  server.fault = (path) => {
    if (path.endsWith("/a")) put("a", old, { etag: `"${++version}"` });
    return undefined;
  };
  await expect(load("a")).rejects.toMatchObject({
    code: "model-corrupt",
    message: expect.stringContaining("it changed on the server") as string,
  });
});

test("loads stored files offline, and no others", async () => {
  put("a", old, { etag: '"1"' });
  await load("a");
  server.down = true;
  expect(await load("a")).toEqual(await hashes({ a: old }));
  await expect(load("a", "b")).rejects.toMatchObject({
    code: "model-file-missing",
  });
});

test("treats an HTML page as a missing file or manifest", async () => {
  const page = new TextEncoder().encode("<!doctype html>");
  const html = { "content-type": "text/html; charset=utf-8" };
  put("manifest.json", page, html);
  put("b", page, html);
  put("a", old, { etag: '"1"' });
  expect(await load("a")).toEqual(await hashes({ a: old }));
  await expect(load("a", "b")).rejects.toMatchObject({
    code: "model-file-missing",
    message: "my model has no b.",
  });
});

test("rejects with model-corrupt when the manifest is truncated", async () => {
  put("manifest.json", new TextEncoder().encode('{"version": 1,'));
  await expect(load("a")).rejects.toMatchObject({
    code: "model-corrupt",
    message: expect.stringContaining("manifest.json") as string,
  });
});

test("treats 403 as a missing file", async () => {
  put("a", old, { etag: '"1"' });
  const { net } = server;
  const fetch = async (url: string, init: RequestInit) =>
    url.endsWith("/b")
      ? new Response("", { status: 403 })
      : net.fetch(url, init);
  store = openTab({ ...net, fetch });
  const folder = await openFolder(store, source, signal);
  expect([...(await folder.stat(["a", "b"], signal)).keys()]).toEqual(["a"]);
});

test.each([405, 501])(
  "reads metadata by GET where HEAD gets %i",
  async (status) => {
    put("a", old, { etag: '"1"' });
    const { net } = server;
    const fetch = async (url: string, init: RequestInit) =>
      init.method === "HEAD"
        ? new Response(null, { status })
        : net.fetch(url, init);
    store = openTab({ ...net, fetch });
    expect(await load("a")).toEqual(await hashes({ a: old }));
    expect(server.waits).toEqual([]);
  },
);

test("downloads a file of unknown size in one request", async () => {
  put("a", old, { "content-encoding": "br" });
  server.hub.faults.add({ kind: "chunked" });
  let cuts = 2;
  server.fault = (path) =>
    path.endsWith("/a") && cuts-- > 0
      ? { kind: "cut", value: 5000 }
      : undefined;
  expect(await load("a")).toEqual(await hashes({ a: old }));
  server.clear();
  expect(await load("a")).toEqual(await hashes({ a: old }));
  expect(server.sent).toEqual([]);
});

test("downloads an empty file", async () => {
  put("a", new Uint8Array(), { etag: '"1"' });
  expect(await load("a")).toEqual(await hashes({ a: new Uint8Array() }));
});

test("sends no request for paths outside the folder", async () => {
  const folder = await openFolder(store, source, signal);
  server.clear();
  expect(await folder.stat(["../a", "/b", "c//d"], signal)).toEqual(new Map());
  expect(server.requests).toEqual([]);
});
