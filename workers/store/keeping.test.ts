import { beforeEach, expect, test, vi } from "vitest";
import { openFolder } from "./open-folder";
import type { Store } from "./store";
import { bytesOf, hashes, type Bytes } from "./testing/bytes";
import { CrashDisk } from "./testing/crash-disk";
import { FakeServer } from "./testing/fake-server";
import { beOnline, openTab } from "./testing/tab";

const { signal } = new AbortController();
const shared = bytesOf(10_000, 1);
const models = {
  one: { "config.json": bytesOf(100, 2), "onnx/shared": shared },
  two: { "config.json": bytesOf(100, 3), "onnx/shared": shared },
};
type Name = keyof typeof models;

let disk: CrashDisk;
let server: FakeServer;
let store: Store;

beOnline();

beforeEach(async () => {
  disk = new CrashDisk();
  server = new FakeServer(4096);
  for (const [name, files] of Object.entries(models)) {
    await server.publish(`/${name}/`, files);
  }
  store = tab();
});

const tab = () => openTab(server.net, disk.tab());

const open = (name: Name) =>
  openFolder(store, { kind: "url", url: `https://m.test/${name}/` }, signal);

async function load(name: Name) {
  const folder = await open(name);
  const paths = Object.keys(models[name]);
  const blobs = await folder.fetch(paths, signal, () => undefined);
  return { folder, blobs: Object.fromEntries(blobs) };
}

test("lists files with the same content once, under the first path", async () => {
  const files = { "onnx/a": shared, "onnx/a_q4": shared };
  await server.publish("/twice/", files);
  const source = { kind: "url", url: "https://m.test/twice/" } as const;
  const folder = await openFolder(store, source, signal);
  await folder.fetch(["onnx/a"], signal, () => undefined);
  expect(await store.list()).toMatchObject([
    { name: "twice", bytes: 10_000, files: [{ path: "onnx/a" }] },
  ]);
});

test("models share equal files and are deleted one by one", async () => {
  const [one, two] = [await load("one"), await load("two")];
  one.folder.release();
  two.folder.release();
  expect(server.sent.filter(({ path }) => path === "/two/onnx/shared")).toEqual(
    [],
  );
  const [first, second] = await store.list();
  expect(first).toMatchObject({ name: "one", bytes: 10_100 });
  expect(second?.files).toContainEqual(
    expect.objectContaining({
      path: "onnx/shared",
      bytes: 10_000,
      kept: 10_000,
    }),
  );
  await store.remove(first?.key ?? "");
  expect((await store.list()).map(({ name }) => name)).toEqual(["two"]);
  server.down = true;
  expect(await hashes((await load("two")).blobs)).toEqual(
    await hashes(models.two),
  );
  await expect(load("one")).rejects.toMatchObject({ code: "offline" });
});

test("lists incomplete files with the bytes that are stored", async () => {
  server.fault = (path, from) =>
    path.endsWith("shared") && from > 0 ? { kind: "reset" } : undefined;
  await expect(load("one")).rejects.toMatchObject({ code: "offline" });
  const [model] = await store.list();
  expect(model?.files).toContainEqual(
    expect.objectContaining({ path: "onnx/shared", bytes: 10_000, kept: 4096 }),
  );
});

test("rejects with storage-full before the download begins", async () => {
  await load("two");
  server.clear();
  const big: Record<string, Bytes> = { big: bytesOf(50_000, 5) };
  await server.publish("/one/", big);
  disk.room = 20_000;
  const failure = (await open("one")).fetch(["big"], signal, () => undefined);
  await expect(failure).rejects.toMatchObject({
    code: "storage-full",
    message: expect.stringMatching(
      /one needs 50\.0 kB .*\(3\d\.\d kB short/,
    ) as string,
    advice: expect.stringContaining("two (10.1 kB)") as string,
  });
  expect(server.sent.filter(({ path }) => path === "/one/big")).toEqual([]);
});

test("keeps verified files when the disk fills up", async () => {
  const free = vi.spyOn(store.storage.disk, "free").mockResolvedValue(1e9);
  disk.room = 9000;
  await expect(load("one")).rejects.toMatchObject({
    code: "storage-full",
    message: expect.stringContaining("the disk is full") as string,
  });
  free.mockRestore();
  disk.room = 1e6;
  server.clear();
  await load("one");
  const again = server.sent.filter(({ path }) => path !== "/one/manifest.json");
  expect(again.every(({ path }) => path === "/one/onnx/shared")).toBe(true);
  expect(again[0]?.from).toBeGreaterThan(0);
});
