import { expect, test } from "vitest";
import { memoryTable, type Table } from "./database";
import { KeyValueStore } from "./key-value-store";

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
