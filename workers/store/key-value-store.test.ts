import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { KeyValueStore, environmentKey } from "./key-value-store";

/** What a browser keeps, in the order in which it came. */
let kept: Map<string, Response>;

beforeEach(() => {
  kept = new Map();
  const cache = {
    match: (url: string) => Promise.resolve(kept.get(url)?.clone()),
    put: (url: string, response: Response) => {
      kept.delete(url);
      kept.set(url, response);
      return Promise.resolve();
    },
    keys: () => Promise.resolve([...kept.keys()]),
    delete: (url: string) => Promise.resolve(kept.delete(url)),
  };
  vi.stubGlobal("caches", { open: () => Promise.resolve(cache) });
  vi.stubGlobal("navigator", { userAgent: "a browser" });
  vi.stubGlobal("origin", "https://page.example");
  vi.stubEnv("DEV", false);
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

test("what is remembered is recalled, until it is forgotten", async () => {
  const memo = new KeyValueStore<number[]>("test", 8);
  expect(await memo.recall("a")).toBeUndefined();
  await memo.remember("a", [1, 2]);
  expect(await memo.recall("a")).toEqual([1, 2]);
  await memo.remember("a", [3]);
  expect(await memo.recall("a")).toEqual([3]);
  await memo.forget("a");
  expect(await memo.recall("a")).toBeUndefined();
});

test("the oldest are forgotten first", async () => {
  const memo = new KeyValueStore<number>("test", 2);
  for (const [i, key] of ["a", "b", "a", "c"].entries()) {
    await memo.remember(key, i);
  }
  expect(await memo.recall("b")).toBeUndefined();
  expect(await memo.recall("a")).toBe(2);
  expect(await memo.recall("c")).toBe(3);
});

test("a browser that keeps nothing does no harm", async () => {
  vi.stubGlobal("caches", undefined);
  const memo = new KeyValueStore<number>("test", 2);
  await memo.remember("a", 1);
  await memo.forget("a");
  expect(await memo.recall("a")).toBeUndefined();
});

const device = (vendor: string, ...features: string[]) =>
  ({ adapterInfo: { vendor }, features }) as unknown as GPUDevice;

test("another adapter, feature, browser or fact: another key", async () => {
  const key = await environmentKey(device("a", "f16"), 1);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(await environmentKey(device("a", "f16"), 1)).toBe(key);
  const others = [
    await environmentKey(device("b", "f16"), 1),
    await environmentKey(device("a"), 1),
    await environmentKey(undefined, 1),
    await environmentKey(device("a", "f16"), 2),
  ];
  vi.stubGlobal("navigator", { userAgent: "another" });
  others.push(await environmentKey(device("a", "f16"), 1));
  expect(new Set([key, ...others]).size).toBe(6);
});

test("builds in development are all alike, so they have no key", async () => {
  vi.stubEnv("DEV", true);
  expect(await environmentKey(device("a"))).toBeUndefined();
});
