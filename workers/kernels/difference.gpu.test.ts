import { expect, test } from "vitest";
import { maxDifference, fillWithNoise } from "./difference";
import { encode, upload, type KernelDispatch } from "./kernel";
import { useDevice } from "./testing/gpu";

let device: GPUDevice;
const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;

useDevice((opened) => {
  device = opened;
});

function bufferOf(words: Uint32Array): GPUBuffer {
  return upload(device, "test", words, STORAGE | COPY_SRC);
}

function bitsOf(...floats: number[]): Uint32Array {
  return new Uint32Array(new Float32Array(floats).buffer);
}

async function after(
  dispatch: KernelDispatch,
  buffer: GPUBuffer,
): Promise<ArrayBuffer> {
  const { size } = buffer;
  const back = device.createBuffer({ size, usage: COPY_DST | MAP_READ });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  encode(pass, dispatch);
  pass.end();
  encoder.copyBufferToBuffer(buffer, 0, back, 0, size);
  device.queue.submit([encoder.finish()]);
  await back.mapAsync(GPUMapMode.READ);
  return back.getMappedRange().slice(0);
}

async function worstOf(
  a: Uint32Array,
  b: Uint32Array,
  type: "float32" | "float16" = "float32",
): Promise<number[]> {
  const worst = bufferOf(new Uint32Array(4));
  const pair = [{ buffer: bufferOf(a) }, { buffer: bufferOf(b) }] as const;
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
  const buffer = bufferOf(new Uint32Array(30_000));
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
