import { beforeEach, expect, test, vi } from "vitest";
import type { ModelSource } from "../../src/shared/models";
import { openFolder } from "./open-folder";
import type { Progress } from "./progress";
import { bytesOf, hashes } from "./testing/bytes";
import { CrashDisk } from "./testing/crash-disk";
import { FakeServer } from "./testing/fake-server";
import { beOnline, openTab } from "./testing/tab";

const PIECE = 16_384;
const { signal } = new AbortController();
const source = {
  kind: "url",
  url: "https://models.test/nano/",
} as const satisfies ModelSource;
const files = { "a.json": bytesOf(500, 1), "onnx/b": bytesOf(100_000, 2) };
const paths = Object.keys(files);

let disk: CrashDisk;
let server: FakeServer;

beOnline();

beforeEach(async () => {
  disk = new CrashDisk();
  server = new FakeServer(PIECE);
  await server.publish("/nano/", files);
});

const tab = () => openTab(server.net, disk.tab());

async function load(store = tab(), wanted = paths, at = signal) {
  const folder = await openFolder(store, source, at);
  const seen: Progress[] = [];
  const blobs = await folder.fetch(wanted, at, (progress) => {
    seen.push(progress);
  });
  return { loaded: await hashes(Object.fromEntries(blobs)), seen };
}

/** Bytes of `path` that the server sent. */
const sent = (path: string) =>
  server.sent
    .filter((part) => part.path === `/nano/${path}`)
    .reduce((sum, part) => sum + part.to - part.from, 0);

test("downloads each file once, in pieces", async () => {
  const { loaded, seen } = await load();
  expect(loaded).toEqual(await hashes(files));
  expect(seen.at(-1)).toMatchObject({ loaded: 100_500, total: 100_500 });
  expect(server.requests).toContain("GET /nano/onnx/b bytes=16384-32767");
  expect(sent("onnx/b")).toBe(100_000);
  server.clear();
  server.down = true;
  expect((await load()).loaded).toEqual(await hashes(files));
  expect(server.sent).toEqual([]);
});

test("reports progress that never falls, with the time left", async () => {
  server.pause = 10;
  let flips = 1;
  server.fault = (path) =>
    path.endsWith("b") && flips-- > 0 ? { kind: "flip", value: 5 } : undefined;
  const { seen } = await load();
  const loaded = seen.map((progress) => progress.loaded);
  expect(loaded).toEqual(loaded.toSorted((a, b) => a - b));
  expect(seen.length).toBeGreaterThan(3);
  expect(new Set(seen.map(({ total }) => total))).toEqual(new Set([100_500]));
  const { rate, left } = seen.at(-2) ?? {};
  expect(rate).toBeGreaterThan(0);
  expect(left).toBeGreaterThanOrEqual(0);
});

test("downloads once from a server without ranges", async () => {
  server.fault = () => ({ kind: "no-ranges" });
  expect((await load()).loaded).toEqual(await hashes(files));
  expect(sent("onnx/b")).toBe(100_000);
});

test("downloads a damaged file again, and no other", async () => {
  let flips = 1;
  server.fault = (path, from) =>
    path.endsWith("b") && from === PIECE && flips-- > 0
      ? { kind: "flip", value: PIECE + 7 }
      : undefined;
  expect((await load()).loaded).toEqual(await hashes(files));
  expect(sent("onnx/b")).toBe(200_000);
  expect(sent("a.json")).toBe(500);
});

test("rejects with model-corrupt and keeps the verified files", async () => {
  server.fault = (path) =>
    path.endsWith("b") ? { kind: "flip", value: 7 } : undefined;
  await expect(load()).rejects.toMatchObject({
    code: "model-corrupt",
    message: expect.stringContaining("onnx/b") as string,
  });
  server.clear();
  server.fault = () => undefined;
  expect((await load()).loaded).toEqual(await hashes(files));
  expect(sent("a.json")).toBe(0);
});

test.each([
  ["too long", 10],
  ["too short", -10],
])("rejects when a file is %s", async (_, by) => {
  const bytes = files["onnx/b"];
  const served = by > 0 ? bytes.slice(0, -by) : bytesOf(100_010, 2);
  server.put("/nano/onnx/b", served);
  await expect(load()).rejects.toMatchObject({
    code: "model-corrupt",
    message: expect.stringContaining("onnx/b") as string,
  });
});

test("rejects with model-file-missing", async () => {
  await expect(load(tab(), ["a.json", "c.json"])).rejects.toMatchObject({
    code: "model-file-missing",
    message: "nano has no c.json.",
  });
  // Listed, but deleted on the server.
  server.hub.staticFiles.delete("/nano/onnx/b");
  await expect(load()).rejects.toMatchObject({
    code: "model-file-missing",
    message: "nano has no onnx/b.",
  });
});

test("waits as long as Retry-After demands", async () => {
  let busy = 1;
  server.fault = (path) =>
    path.endsWith("b") && busy-- > 0 ? { kind: "busy", value: 3 } : undefined;
  expect((await load()).loaded).toEqual(await hashes(files));
  expect(server.waits).toEqual([1000, 1000, 1000]);
});

test("rejects after several failures and keeps the received bytes", async () => {
  server.fault = (path, from) =>
    path.endsWith("b") && from >= 2 * PIECE
      ? { kind: "status", value: 503 }
      : undefined;
  await expect(load()).rejects.toMatchObject({
    code: "download-failed",
    message: expect.stringMatching(/onnx\/b.*models\.test.*HTTP 503/) as string,
  });
  expect(server.waits.length).toBeGreaterThan(2);
  server.clear();
  server.fault = () => undefined;
  expect((await load()).loaded).toEqual(await hashes(files));
  expect(sent("onnx/b")).toBe(100_000 - 2 * PIECE);
});

test("rejects when the end of a file is missing and keeps the received bytes", async () => {
  server.fault = (path, from) =>
    path.endsWith("b") ? { kind: "end", value: 90_000 - from } : undefined;
  await expect(load()).rejects.toMatchObject({
    code: "download-failed",
    message: expect.stringContaining("the server sent no bytes") as string,
  });
  server.fault = () => undefined;
  expect((await load()).loaded).toEqual(await hashes(files));
  expect(sent("onnx/b")).toBe(100_000);
});

test("rejects with offline when the network is lost, and resumes later", async () => {
  server.fault = (_, from) => {
    if (from < 3 * PIECE) return undefined;
    server.down = true;
    return { kind: "cut", value: 500 };
  };
  await expect(load()).rejects.toMatchObject({ code: "offline" });
  server.down = false;
  server.fault = () => undefined;
  expect((await load()).loaded).toEqual(await hashes(files));
  expect(sent("onnx/b")).toBe(100_000);
});

test("rejects with offline if nothing is stored", async () => {
  server.down = true;
  await expect(load()).rejects.toMatchObject({ code: "offline" });
});

test("rejects with aborted when the signal aborts", async () => {
  const stop = new AbortController();
  server.onChunk = () => {
    stop.abort();
  };
  await expect(load(tab(), paths, stop.signal)).rejects.toMatchObject({
    code: "aborted",
  });
});

test("rejects with offline when the server is silent", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    server.fault = () => ({ kind: "hang" });
    const failure = expect(load()).rejects.toMatchObject({ code: "offline" });
    await vi.advanceTimersByTimeAsync(200_000);
    await failure;
  } finally {
    vi.useRealTimers();
  }
});
