import { expect, test } from "vitest";
import { FrameDiffKernel } from "./frame-diff";
import { frameDiffReference } from "./frame-diff.reference";
import { useDevice, storage } from "./testing/gpu";
import { seededRandom } from "./testing/random";

let device: GPUDevice;

useDevice((opened) => {
  device = opened;
});

/** Multiples of 1/255, like the output of the resize. */
function makePlanes(size: number, seed: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Float32Array.from(
    { length: 3 * size * size },
    () => Math.floor(random() * 256) / 255,
  );
}

test("agrees with the reference at any size", async () => {
  const meter = new FrameDiffKernel(device);
  for (const size of [64, 320, 64]) {
    const before = makePlanes(size, 1);
    const now = before.map((value, i) => (i % 7 === 0 ? value / 2 : value));
    const [a, b] = [storage(device, before), storage(device, now)];
    expect(await meter.measure(a, size)).toBe(Infinity);
    meter.keep(a, size);
    expect(await meter.measure(a, size)).toBe(0);
    const wanted = frameDiffReference(now, before, size);
    expect(wanted).toBeGreaterThan(0.01);
    expect(await meter.measure(b, size)).toBeCloseTo(wanted, 6);
    a.destroy();
    b.destroy();
  }
  meter.dispose();
});

test("detects a small moving object anywhere", async () => {
  const size = 256;
  const tile = size / 16;
  const black = storage(device, 4 * 3 * size * size);
  const meter = new FrameDiffKernel(device);
  meter.keep(black, size);
  for (const [column, row] of [
    [0, 0],
    [15, 15],
    [7, 11],
  ] as const) {
    const planes = new Float32Array(3 * size * size);
    // Half a tile becomes white.
    for (let y = 0; y < tile; y++) {
      for (let x = 0; x < tile / 2; x++) {
        const at = (row * tile + y) * size + column * tile + x;
        for (let plane = 0; plane < 3; plane++) {
          planes[plane * size * size + at] = 1;
        }
      }
    }
    const now = storage(device, planes);
    expect(
      frameDiffReference(planes, new Float32Array(planes.length), size),
    ).toBe(0.5);
    expect(await meter.measure(now, size)).toBe(0.5);
    now.destroy();
  }
  meter.dispose();
  black.destroy();
});

test("compares with the kept copy, not with its source buffer", async () => {
  const size = 64;
  const planes = storage(device, makePlanes(size, 3));
  const meter = new FrameDiffKernel(device);
  meter.keep(planes, size);
  const other = makePlanes(size, 4);
  device.queue.writeBuffer(planes, 0, other);
  const wanted = frameDiffReference(other, makePlanes(size, 3), size);
  expect(await meter.measure(planes, size)).toBeCloseTo(wanted, 6);
  meter.keep(planes, size);
  expect(await meter.measure(planes, size)).toBe(0);
  meter.dispose();
  planes.destroy();
});
