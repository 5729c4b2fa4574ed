import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { ModelSource } from "../../src/shared/models";
import { Channel } from "./channel";
import { ownLocks } from "./locks";
import { openRemote } from "./open";
import type { Progress } from "./progress";
import { Store } from "./store";
import { CrashDisk } from "./testing/crash-disk";
import { FakeServer } from "./testing/fake-server";

type Bytes = Uint8Array<ArrayBuffer>;

const PIECE = 16_384;
const { signal } = new AbortController();
const source = {
  kind: "url",
  url: "https://models.test/nano/",
} as const satisfies ModelSource;

beforeAll(() => {
  vi.stubGlobal("navigator", { onLine: true });
});

afterAll(() => {
  vi.unstubAllGlobals();
});

/** The same bytes for the same seed. */
function bytesOf(length: number, seed: number): Bytes {
  const random = randomOf(seed);
  return Uint8Array.from({ length }, () => random() * 256);
}

/** mulberry32 */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const sha256 = (bytes: Bytes) =>
  createHash("sha256").update(bytes).digest("hex");

function publish(server: FakeServer, files: Record<string, Bytes>): void {
  const entries = Object.entries(files).map(([path, bytes]) => {
    server.put(`/nano/${path}`, bytes);
    return [path, { bytes: bytes.length, sha256: sha256(bytes) }];
  });
  const manifest = {
    version: 1,
    files: Object.fromEntries(entries) as unknown,
  };
  const json = new TextEncoder().encode(JSON.stringify(manifest));
  server.put("/nano/manifest.json", json);
}

function storeOn(disk: CrashDisk, server: FakeServer): Store {
  return new Store(server.net, disk.tab(), ownLocks(), new Channel(undefined));
}

async function load(store: Store, paths: string[], at = signal) {
  const folder = await openRemote(store, source, at);
  const seen: Progress[] = [];
  const blobs = await folder.fetch(paths, at, (progress) =>
    seen.push(progress),
  );
  const files: Record<string, Bytes> = {};
  for (const [path, blob] of blobs) {
    files[path] = new Uint8Array(await blob.arrayBuffer());
  }
  return { files, seen };
}

test("files come whole, in pieces, once", async () => {
  const [disk, server] = [new CrashDisk(), new FakeServer(PIECE)];
  const files = { "a.json": bytesOf(500, 1), "onnx/b": bytesOf(100_000, 2) };
  publish(server, files);
  const first = await load(storeOn(disk, server), Object.keys(files));
  expect(first.files).toEqual(files);
  expect(first.seen.at(-1)).toMatchObject({ loaded: 100_500, total: 100_500 });
  expect(server.requests).toContain("GET /nano/onnx/b bytes=16384-32767");
  server.sent.length = 0;
  server.down = true;
  const second = await load(storeOn(disk, server), Object.keys(files));
  expect(second.files).toEqual(files);
  expect(server.sent).toEqual([]);
});
