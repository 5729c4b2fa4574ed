import { beforeEach, expect, test, vi } from "vitest";
import type { ModelSource } from "../../src/shared/models";
import { openRemote } from "./open";
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

/** As a tab that is opened now has it. */
const tab = () => openTab(server.net, disk.tab());

async function load(store = tab(), wanted = paths, at = signal) {
  const folder = await openRemote(store, source, at);
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

test("files come whole, in pieces, once", async () => {
  const { loaded, seen } = await load();
  expect(loaded).toEqual(await hashes(files));
  expect(seen.at(-1)).toMatchObject({ loaded: 100_500, total: 100_500 });
  expect(server.requests).toContain("GET /nano/onnx/b bytes=16384-32767");
  expect(sent("onnx/b")).toBe(100_000);
  server.sent.length = 0;
  server.down = true;
  expect((await load()).loaded).toEqual(await hashes(files));
  expect(server.sent).toEqual([]);
});

test("progress never goes back, and says how long it will take", async () => {
  server.pause = 10;
  let flips = 1;
  server.fault = (path) =>
    path.endsWith("b") && flips-- > 0 ? { kind: "flip", at: 5 } : undefined;
  const { seen } = await load();
  const loaded = seen.map((progress) => progress.loaded);
  expect(loaded).toEqual(loaded.toSorted((a, b) => a - b));
  expect(seen.length).toBeGreaterThan(3);
  expect(new Set(seen.map(({ total }) => total))).toEqual(new Set([100_500]));
  const { rate, left } = seen.at(-2) ?? {};
  expect(rate).toBeGreaterThan(0);
  expect(left).toBeGreaterThanOrEqual(0);
});

test("a server without ranges sends everything once", async () => {
  server.fault = () => ({ kind: "no-ranges" });
  expect((await load()).loaded).toEqual(await hashes(files));
  expect(sent("onnx/b")).toBe(100_000);
});

test("a byte that was flipped on the way comes again, alone", async () => {
  let flips = 1;
  server.fault = (path, from) =>
    path.endsWith("b") && from === PIECE && flips-- > 0
      ? { kind: "flip", at: PIECE + 7 }
      : undefined;
  expect((await load()).loaded).toEqual(await hashes(files));
  expect(sent("onnx/b")).toBe(200_000);
  expect(sent("a.json")).toBe(500);
});

test("a damaged file is named; what was checked stays", async () => {
  server.fault = (path) =>
    path.endsWith("b") ? { kind: "flip", at: 7 } : undefined;
  await expect(load()).rejects.toMatchObject({
    code: "model-corrupt",
    message: expect.stringContaining("onnx/b") as string,
  });
  server.sent.length = 0;
  server.fault = () => undefined;
  expect((await load()).loaded).toEqual(await hashes(files));
  expect(sent("a.json")).toBe(0);
});

test.each([
  ["too long", 10],
  ["too short", -10],
])("a manifest that says a file is %s is found out", async (_, by) => {
  const bytes = files["onnx/b"];
  const served = by > 0 ? bytes.slice(0, -by) : bytesOf(100_010, 2);
  server.put("/nano/onnx/b", served);
  await expect(load()).rejects.toMatchObject({
    code: "model-corrupt",
    message: expect.stringContaining("onnx/b") as string,
  });
});

test("a file that is not there is named", async () => {
  await expect(load(tab(), ["a.json", "c.json"])).rejects.toMatchObject({
    code: "model-file-missing",
    message: "nano has no c.json.",
  });
  // On record, and gone.
  server.files.delete("/nano/onnx/b");
  await expect(load()).rejects.toMatchObject({
    code: "model-file-missing",
    message: "nano has no onnx/b.",
  });
});

test("a busy server is given the time it asks for", async () => {
  let busy = 1;
  server.fault = (path) =>
    path.endsWith("b") && busy-- > 0
      ? { kind: "status", status: 429, wait: "3" }
      : undefined;
  expect((await load()).loaded).toEqual(await hashes(files));
  expect(server.waits).toEqual([3000]);
});

test("a server that stays broken ends it; what came stays", async () => {
  server.fault = (path, from) =>
    path.endsWith("b") && from >= 2 * PIECE
      ? { kind: "status", status: 503 }
      : undefined;
  await expect(load()).rejects.toMatchObject({
    code: "download-failed",
    message: expect.stringMatching(/onnx\/b.*models\.test.*HTTP 503/) as string,
  });
  expect(server.waits.length).toBeGreaterThan(2);
  server.sent.length = 0;
  server.fault = () => undefined;
  expect((await load()).loaded).toEqual(await hashes(files));
  expect(sent("onnx/b")).toBe(100_000 - 2 * PIECE);
});

test("a file whose end does not come is named; what came stays", async () => {
  server.fault = (path, from) =>
    path.endsWith("b") ? { kind: "end", after: 90_000 - from } : undefined;
  await expect(load()).rejects.toMatchObject({
    code: "model-corrupt",
    message: "onnx/b is damaged: it ends after 90000 of 100000 bytes.",
  });
  server.fault = () => undefined;
  expect((await load()).loaded).toEqual(await hashes(files));
  expect(sent("onnx/b")).toBe(100_000);
});

test("a network that is lost is told; later it goes on", async () => {
  server.fault = (_, from) => {
    if (from < 3 * PIECE) return undefined;
    server.down = true;
    return { kind: "cut", after: 500 };
  };
  await expect(load()).rejects.toMatchObject({ code: "offline" });
  server.down = false;
  server.fault = () => undefined;
  expect((await load()).loaded).toEqual(await hashes(files));
  expect(sent("onnx/b")).toBe(100_000);
});

test("without a network and without a record nothing can be loaded", async () => {
  server.down = true;
  await expect(load()).rejects.toMatchObject({ code: "offline" });
});

test("stopping it is no failure of the download", async () => {
  const stop = new AbortController();
  server.onChunk = () => {
    stop.abort();
  };
  await expect(load(tab(), paths, stop.signal)).rejects.toMatchObject({
    code: "aborted",
  });
});

test("a silent server is given up on", async () => {
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
