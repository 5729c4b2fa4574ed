import { sha256 } from "hash-wasm";
import { expect, test } from "vitest";
import type { ModelSource } from "../../../src/shared/models";
import { openFolder } from "../open-folder";
import { Ranges } from "../ranges";
import { bytesOf, hashes, randomOf, type Bytes } from "./bytes";
import { CrashDisk } from "./crash-disk";
import { FakeServer, type Fault } from "./fake-server";
import { beOnline, openTab } from "./tab";

const source = {
  kind: "hub",
  endpoint: "https://hub.test",
  id: "me/model",
  revision: "main",
} as const satisfies ModelSource;

type Random = () => number;

/** A tab that loads all files, and may be aborted or killed midway. */
async function session(
  disk: CrashDisk,
  server: FakeServer,
  paths: string[],
  random: Random,
): Promise<Record<string, string> | undefined> {
  const stop = new AbortController();
  let chunks = Math.floor(random() * 60);
  const kills = random() < 0.5;
  server.onChunk = () => {
    if (chunks-- !== 0) return;
    if (kills) disk.crash(random);
    stop.abort();
  };
  const store = openTab(server.net, disk.tab());
  try {
    const folder = await openFolder(store, source, stop.signal);
    const blobs = await folder.fetch(paths, stop.signal, () => undefined);
    return await hashes(Object.fromEntries(blobs));
  } catch (error) {
    const expected = ["aborted", "offline", "download-failed", "model-corrupt"];
    if (!stop.signal.aborted) expect(expected).toContain(codeOf(error));
    return undefined;
  }
}

const codeOf = (error: unknown) => (error as { code?: unknown }).code;

function filesOf(random: Random): Record<string, Bytes> {
  const count = 1 + Math.floor(random() * 4);
  const files: Record<string, Bytes> = {};
  for (let i = 0; i < count; i++) {
    const size = Math.floor(random() ** 3 * 80_000);
    files[`onnx/${i}`] = bytesOf(size, Math.floor(random() * 1e9));
  }
  return files;
}

/** Files, and a hub that often fails. */
async function prepare(
  random: Random,
  faults: readonly (() => Fault)[],
): Promise<{ files: Record<string, Bytes>; server: FakeServer }> {
  const files = filesOf(random);
  const server = new FakeServer(9000);
  await server.commit(source.id, "1".repeat(40), files);
  server.fault = () => {
    if (random() < 0.6) return undefined;
    return faults[Math.floor(random() * faults.length)]?.();
  };
  return { files, server };
}

const cuts = (random: Random): (() => Fault)[] => [
  () => ({ kind: "cut", value: Math.floor(random() * 12_000) }),
  () => ({ kind: "end", value: Math.floor(random() * 12_000) }),
  () =>
    random() < 0.5
      ? { kind: "status", value: 503 }
      : { kind: "busy", value: 1 },
  () => ({ kind: "reset" }),
  () => ({ kind: "expired" }),
];

/** Random downloads with faults, one pair of tests per seed. */
export function testFaults(seeds: readonly number[]): void {
  beOnline();

  test.each(seeds)("resumes after cuts and crashes, seed %i", async (seed) => {
    const random = randomOf(seed);
    const { files, server } = await prepare(random, cuts(random));
    const disk = new CrashDisk();
    let loaded: Record<string, string> | undefined;
    for (let tries = 0; loaded === undefined && tries < 200; tries++) {
      // A tab requests no byte that was journaled before it opened.
      const journaled = new Map<string, Ranges>();
      for (const [path, bytes] of Object.entries(files)) {
        const key = `sha256-${await sha256(bytes)}-${bytes.length}`;
        journaled.set(path, disk.journaled(key));
      }
      server.clear();
      loaded = await session(disk, server, Object.keys(files), random);
      for (const { path, from, to } of server.sent) {
        const had = journaled.get(path) ?? new Ranges();
        expect(had.gap(from, to) ?? [from, to]).toEqual([from, to]);
      }
    }
    expect(loaded).toEqual(await hashes(files));
  });

  test.each(seeds)(
    "resumes after damaged bytes and lost ranges too, seed %i",
    async (seed) => {
      const random = randomOf(-seed);
      const { files, server } = await prepare(random, [
        ...cuts(random),
        () => ({ kind: "flip", value: Math.floor(random() * 80_000) }),
        () => ({ kind: "no-ranges" }),
      ]);
      const disk = new CrashDisk();
      let loaded: Record<string, string> | undefined;
      for (let tries = 0; loaded === undefined && tries < 500; tries++) {
        loaded = await session(disk, server, Object.keys(files), random);
      }
      expect(loaded).toEqual(await hashes(files));
    },
  );
}
