import { transferHandlers, wrap, type Remote } from "comlink";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { transferErrors } from "../../src/shared/error-transfer";
import { bytesOf, hashes } from "./testing/bytes";
import type { Sent } from "./testing/fake-server";
import type { Tab } from "./testing/store.worker";

const files = { "a.json": bytesOf(500, 1), "onnx/b": bytesOf(2_000_000, 2) };
const paths = Object.keys(files);
const workers: Worker[] = [];
let directory = "";
let count = 0;

beforeAll(() => {
  transferErrors(transferHandlers);
});

beforeEach(() => {
  // A storage for each test.
  directory = `store-test-${count++}`;
});

afterEach(async () => {
  for (const worker of workers.splice(0)) worker.terminate();
  indexedDB.deleteDatabase(directory);
  const root = await navigator.storage.getDirectory();
  // A terminated worker holds its files a moment longer.
  await vi.waitFor(() => root.removeEntry(directory, { recursive: true }), {
    timeout: 20_000,
  });
});

/** Opens a tab. `pause`: ms before each 16 KB; `down`: offline. */
async function tab(pause = 0, down = false) {
  const worker = new Worker(
    new URL("./testing/store.worker.ts", import.meta.url),
    { type: "module" },
  );
  workers.push(worker);
  const api: Remote<Tab> = wrap<Tab>(worker);
  await api.open(directory, files, pause, down);
  const close = (): void => {
    worker.terminate();
  };
  return { api, close };
}

type Api = Awaited<ReturnType<typeof tab>>["api"];

/** Bytes of the large file that a tab received. */
async function sentTo(api: Api): Promise<number> {
  const parts = (await api.sent()).filter(({ path }) => path.endsWith("b"));
  return parts.reduce((sum, { from, to }: Sent) => sum + to - from, 0);
}

const half = (api: Api) =>
  vi.waitFor(
    async () => {
      expect(await sentTo(api)).toBeGreaterThan(1_000_000);
    },
    { timeout: 60_000, interval: 20 },
  );

test("loads stored files offline", async () => {
  const online = await tab();
  expect(await hashes(await online.api.load(paths))).toEqual(
    await hashes(files),
  );
  online.close();
  const offline = await tab(0, true);
  expect(await hashes(await offline.api.load(paths))).toEqual(
    await hashes(files),
  );
  expect(await offline.api.sent()).toEqual([]);
});

test("resumes the download of a closed tab", async () => {
  const first = await tab(40);
  const lost = first.api.load(paths);
  lost.catch(() => undefined);
  await half(first.api);
  first.close();
  const second = await tab();
  expect(await hashes(await second.api.load(paths))).toEqual(
    await hashes(files),
  );
  expect(await sentTo(second.api)).toBeLessThan(1_900_000);
});

test("two tabs download once, and the second reports the first's progress", async () => {
  const [first, second] = [await tab(20), await tab(20)];
  const loads = [first.api.load(paths), second.api.load(paths)];
  const [one, two] = await Promise.all(loads);
  expect(await hashes(one ?? {})).toEqual(await hashes(files));
  expect(await hashes(two ?? {})).toEqual(await hashes(files));
  const [a, b] = [await sentTo(first.api), await sentTo(second.api)];
  expect([a, b].sort()).toEqual([0, 2_000_000]);
  const waiting = a === 0 ? first : second;
  const seen = await waiting.api.progress();
  const elsewhere = seen.filter((progress) => progress.elsewhere);
  expect(elsewhere.some(({ loaded, rate }) => loaded > 0 && rate > 0)).toBe(
    true,
  );
  const loaded = seen.map((progress) => progress.loaded);
  expect(loaded).toEqual(loaded.toSorted((x, y) => x - y));
  expect(seen.at(-1)).toMatchObject({ loaded: 2_000_500, elsewhere: false });
});

test.each(["closed", "aborted"])(
  "resumes in the second tab when the first is %s",
  async (how) => {
    const [first, second] = [await tab(40), await tab()];
    const lost = first.api.load(paths);
    lost.catch(() => undefined);
    await half(first.api);
    const load = second.api.load(paths);
    if (how === "closed") first.close();
    else await first.api.abort();
    expect(await hashes(await load)).toEqual(await hashes(files));
    expect(await sentTo(second.api)).toBeLessThan(1_900_000);
    expect(await sentTo(second.api)).toBeGreaterThan(0);
  },
);

test("keeps files that another tab uses until they are released", async () => {
  const [first, second] = [await tab(), await tab()];
  const blobs = await first.api.load(paths);
  const [model] = await second.api.list();
  expect(model).toMatchObject({ name: "nano", bytes: 2_000_500 });
  await second.api.remove(model?.key ?? "");
  expect(await second.api.list()).toEqual([]);
  expect(await hashes(blobs)).toEqual(await hashes(files));
  await first.api.release();
  await vi.waitFor(() => expect(hashes(blobs)).rejects.toThrow(), 20_000);
});

test("ignores the deletion of unknown keys", async () => {
  const { api } = await tab();
  await api.load(paths);
  for (const key of ["../nano", "", ".", "a/b", "toString"]) {
    await api.remove(key);
  }
  expect(await api.list()).toMatchObject([{ bytes: 2_000_500 }]);
});

test("aborts the download of another tab when its model is deleted", async () => {
  const [first, second] = [await tab(40), await tab()];
  const load = expect(first.api.load(paths)).rejects.toMatchObject({
    code: "aborted",
    message: "nano was deleted while it was being downloaded.",
  });
  await half(first.api);
  await second.api.remove((await second.api.list())[0]?.key ?? "");
  await load;
  expect(await second.api.list()).toEqual([]);
});
