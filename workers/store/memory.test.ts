import { expect, test } from "vitest";
import { memoryDisk } from "./memory";
import { bytesOf, hashes, randomOf } from "./testing/bytes";

test("a file written in any order is the same, also read in parts", async () => {
  const { files } = memoryDisk();
  const file = await files.open("a");
  const bytes = bytesOf(9_500_000, 1);
  const random = randomOf(2);
  const cuts = [0, bytes.length];
  for (let i = 0; i < 50; i++) cuts.push(Math.floor(random() * bytes.length));
  cuts.sort((a, b) => a - b);
  const spans = cuts.slice(1).map((to, i) => [cuts[i] ?? 0, to] as const);
  spans.sort(() => random() - 0.5);
  for (const [from, to] of spans) file.write(bytes.subarray(from, to), from);
  expect(file.size()).toBe(bytes.length);
  for (let i = 0; i < 20; i++) {
    const at = Math.floor(random() * bytes.length);
    const into = new Uint8Array(Math.floor(random() * 5_000_000));
    const count = await file.read(into, at);
    const expected = bytes.slice(at, at + into.length);
    expect(count).toBe(expected.length);
    expect(await hashes({ part: into.slice(0, count) })).toEqual(
      await hashes({ part: expected }),
    );
  }
  const blob = (await files.blob("a")) ?? new Blob();
  expect(await hashes({ a: blob })).toEqual(await hashes({ a: bytes }));
});

test("a cut file ends there and can be written on", async () => {
  const { files } = memoryDisk();
  const file = await files.open("log");
  const text = (words: string) => new TextEncoder().encode(words);
  file.write(text("one two"), 0);
  file.truncate(4);
  file.write(text("2"), 4);
  expect(await (await files.blob("log"))?.text()).toBe("one 2");
  file.truncate(0);
  expect((await files.blob("log"))?.size).toBe(0);
});

test("files are named until they are removed", async () => {
  const { files } = memoryDisk();
  (await files.open("a")).close();
  expect(await files.names()).toEqual(["a"]);
  await files.remove("a");
  expect(await files.names()).toEqual([]);
  expect(await files.blob("a")).toBeUndefined();
});
