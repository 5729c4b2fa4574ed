import "fake-indexeddb/auto";
import { IDBFactory } from "fake-indexeddb";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Database, memoryTable, type Table } from "./database";

beforeEach(() => {
  vi.stubGlobal("indexedDB", new IDBFactory());
});

afterEach(() => {
  vi.unstubAllGlobals();
});

const kinds: [string, () => Table<{ n: number }>][] = [
  ["IndexedDB", () => new Database("test").table("models")],
  ["memory", () => memoryTable()],
];

test.each(kinds)("%s: stores records by key", async (_, open) => {
  const table = open();
  expect(await table.get("a")).toBeUndefined();
  await table.put("b", { n: 1 });
  await table.put("a", { n: 2 });
  await table.put("b", { n: 3 });
  expect(await table.get("b")).toEqual({ n: 3 });
  expect(await table.entries()).toEqual(
    new Map([
      ["a", { n: 2 }],
      ["b", { n: 3 }],
    ]),
  );
  await table.delete("b");
  await table.delete("toString");
  expect(await table.get("b")).toBeUndefined();
});

test("another connection reads what was stored, table by table", async () => {
  await new Database("test").table("models").put("a", 1);
  expect(await new Database("test").table("models").get("a")).toBe(1);
  expect(await new Database("test").table("journal").get("a")).toBeUndefined();
  expect(await new Database("other").table("models").get("a")).toBeUndefined();
});

test("rejects where IndexedDB is denied, and opens once it is allowed", async () => {
  const { indexedDB } = globalThis;
  vi.stubGlobal("indexedDB", undefined);
  const database = new Database("test");
  await expect(database.open()).rejects.toThrow();
  await expect(database.table("models").get("a")).rejects.toThrow();
  vi.stubGlobal("indexedDB", indexedDB);
  await database.table("models").put("a", 1);
  expect(await database.table("models").get("a")).toBe(1);
});
