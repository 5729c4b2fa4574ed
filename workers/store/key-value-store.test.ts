import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { memoryTable, type Table } from "./database";
import { KeyValueStore, environmentKey } from "./key-value-store";

beforeEach(() => {
  vi.stubGlobal("navigator", { userAgent: "a browser" });
  vi.stubEnv("DEV", false);
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

test("returns what was set until it is deleted", async () => {
  const cache = new KeyValueStore<number[]>(memoryTable(), 8);
  expect(await cache.get("a")).toBeUndefined();
  await cache.set("a", [1, 2]);
  expect(await cache.get("a")).toEqual([1, 2]);
  await cache.set("a", [3]);
  expect(await cache.get("a")).toEqual([3]);
  await cache.delete("a");
  expect(await cache.get("a")).toBeUndefined();
});

test("deletes the oldest entries above the limit", async () => {
  const cache = new KeyValueStore<number>(memoryTable(), 2);
  for (const [i, key] of ["a", "b", "a", "c"].entries()) {
    await cache.set(key, i);
  }
  expect(await cache.get("b")).toBeUndefined();
  expect(await cache.get("a")).toBe(2);
  expect(await cache.get("c")).toBe(3);
});

test("misses where the browser stores nothing", async () => {
  const denied = (): Promise<never> =>
    Promise.reject(new DOMException("Denied", "SecurityError"));
  const table: Table<never> = {
    get: denied,
    put: denied,
    delete: denied,
    entries: denied,
  };
  const cache = new KeyValueStore<number>(table, 2);
  await cache.set("a", 1);
  await cache.delete("a");
  expect(await cache.get("a")).toBeUndefined();
});

const device = (vendor: string, ...features: string[]) =>
  ({ adapterInfo: { vendor }, features }) as unknown as GPUDevice;

test("the key depends on adapter, features, browser and facts", async () => {
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

test("there is no key under the development server", async () => {
  vi.stubEnv("DEV", true);
  expect(await environmentKey(device("a"))).toBeUndefined();
});
