import { expect, test } from "vitest";
import { maxDifference, fillWithNoise } from "./difference";
import { encode, type KernelDispatch } from "./kernel";
import { readBack, storage, submit, useDevice } from "./testing/gpu";

let device: GPUDevice;

useDevice((opened) => {
  device = opened;
});

function bitsOf(...floats: number[]): Uint32Array<ArrayBuffer> {
  return new Uint32Array(new Float32Array(floats).buffer);
}

function after(
  dispatch: KernelDispatch,
  buffer: GPUBuffer,
): Promise<ArrayBuffer> {
  submit(device, (pass) => {
    encode(pass, dispatch);
  });
  return readBack(device, buffer);
}

async function worstOf(
  a: Uint32Array<ArrayBuffer>,
  b: Uint32Array<ArrayBuffer>,
  type: "float32" | "float16" = "float32",
): Promise<number[]> {
  const worst = storage(device, 4 * 4);
  const pair = [
    { buffer: storage(device, a) },
    { buffer: storage(device, b) },
  ] as const;
  const dispatch = maxDifference(device, type, pair, {
    buffer: worst,
    size: 8,
  });
  return [...new Float32Array(await after(dispatch, worst), 0, 2)];
}

test("finds the largest difference anywhere", async () => {
  const count = 40_001;
  for (const place of [0, 777, count - 1]) {
    const a = new Float32Array(count).fill(1);
    const b = a.slice();
    a[5] = -9;
    b[5] = -9;
    b[place] = (a[place] ?? 0) - 0.5;
    const [words, others] = [a, b].map((x) => new Uint32Array(x.buffer));
    if (words === undefined || others === undefined) throw new Error();
    expect(await worstOf(words, others)).toEqual([0.5, 9]);
  }
});

test("reports NaN as a large difference", async () => {
  const [difference = 0] = await worstOf(
    bitsOf(1, 2, 3, 4),
    bitsOf(1, NaN, 3, 4),
  );
  expect(difference).toBeNaN();
});

test("compares float16 pairs", async () => {
  // 1 and -2; 1 and -2.5; then zeros.
  const a = Uint32Array.of(0xc000_3c00, 0, 0, 0);
  const b = Uint32Array.of(0xc100_3c00, 0, 0, 0);
  expect(await worstOf(a, b, "float16")).toEqual([0.5, 2]);
});

test("fills a range with noise between -1 and 1", async () => {
  const buffer = storage(device, 4 * 30_000);
  const target = { buffer, size: 4 * 29_952 };
  const dispatch = fillWithNoise(device, "float32", target);
  const floats = new Float32Array(await after(dispatch, buffer));
  expect([...floats.subarray(29_952)].every((x) => x === 0)).toBe(true);
  const noise = floats.subarray(0, 29_952);
  expect(noise.every((x) => x >= -1 && x <= 1)).toBe(true);
  const sum = noise.reduce((total, x) => total + x, 0);
  expect(Math.abs(sum / noise.length)).toBeLessThan(0.02);
  expect(new Set(noise).size).toBeGreaterThan(29_000);
});
