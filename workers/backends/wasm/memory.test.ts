import { expect, test } from "vitest";
import { WasmMemory } from "./memory";

test("gives aligned blocks and reuses what is free", () => {
  const memory = new WasmMemory(false);
  const [a, b, c] = [100, 64, 1].map((bytes) => memory.allocate(bytes));
  expect([a, b, c].map((address) => (address ?? NaN) % 64)).toEqual([0, 0, 0]);
  expect(memory.allocated).toBe(128 + 64 + 64);
  memory.free(a ?? NaN);
  memory.free(b ?? NaN);
  expect(memory.allocate(192)).toBe(a);
  memory.free(c ?? NaN);
  memory.free(a ?? NaN);
  expect(memory.allocated).toBe(0);
  expect(memory.allocate(1000)).toBe(a);
  expect(() => memory.free(1)).toThrow("1 is not allocated.");
});

test("grows and keeps what is there", () => {
  const memory = new WasmMemory(false);
  const first = memory.allocate(8);
  memory.floats(first, 2).set([1, 2]);
  const before = memory.size;
  memory.allocate(before * 2);
  expect(memory.size).toBeGreaterThan(before * 2);
  expect([...memory.floats(first, 2)]).toEqual([1, 2]);
  expect(() => memory.allocate(2 ** 32)).toThrow("WebAssembly cannot have");
});

test("copies a Blob", async () => {
  const memory = new WasmMemory(false);
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
  const address = memory.allocate(bytes.length);
  await memory.copyBlob(address, new Blob([bytes]));
  expect(memory.bytes(address, bytes.length)).toEqual(bytes);
});
