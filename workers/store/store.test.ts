import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { ModelSource } from "../../src/shared/models";
import { Channel } from "./channel";
import { ownLocks } from "./locks";
import { openRemote } from "./open";
import type { Progress } from "./progress";
import { Store } from "./store";
import { CrashDisk } from "./testing/crash-disk";
import { FakeServer } from "./testing/fake-server";
import { bytesOf, type Bytes } from "./testing/bytes";

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
  await server.publish("/nano/", files);
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
