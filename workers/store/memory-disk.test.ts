import { expect, test } from "vitest";
import { MemoryDisk } from "./memory-disk";
import { bytesOf, hashes, randomOf } from "./testing/bytes";

test("reads back what was written in any order", async () => {
  const disk = new MemoryDisk();
  const file = await disk.open("a");
  const bytes = bytesOf(9_500_000, 1);
  const random = randomOf(2);
  const cuts = [0, bytes.length];
  for (let i = 0; i < 50; i++) cuts.push(Math.floor(random() * bytes.length));
  cuts.sort((a, b) => a - b);
  const spans = cuts.slice(1).map((to, i) => [cuts[i] ?? 0, to] as const);
  spans.sort(() => random() - 0.5);
  for (const [from, to] of spans)
    file.write(bytes.subarray(from, to), { at: from });
  expect(file.getSize()).toBe(bytes.length);
  for (let i = 0; i < 8; i++) {
    const at = Math.floor(random() * bytes.length);
    const into = new Uint8Array(Math.floor(random() * 5_000_000));
    const count = await file.read(into, { at });
    const expected = bytes.slice(at, at + into.length);
    expect(count).toBe(expected.length);
    expect(Buffer.compare(into.subarray(0, count), expected)).toBe(0);
  }
  const blob = (await disk.blob("a")) ?? new Blob();
  expect(await hashes({ a: blob })).toEqual(await hashes({ a: bytes }));
});

test("truncates a file, which can then be extended", async () => {
  const disk = new MemoryDisk();
  const file = await disk.open("log");
  const text = (words: string) => new TextEncoder().encode(words);
  file.write(text("one two"), { at: 0 });
  file.truncate(4);
  file.write(text("2"), { at: 4 });
  expect(await (await disk.blob("log"))?.text()).toBe("one 2");
  file.truncate(0);
  expect((await disk.blob("log"))?.size).toBe(0);
});

test("lists files until they are removed", async () => {
  const disk = new MemoryDisk();
  (await disk.open("a")).close();
  expect(await disk.names()).toEqual(["a"]);
  await disk.remove("a");
  expect(await disk.names()).toEqual([]);
  expect(await disk.blob("a")).toBeUndefined();
});
