import { afterAll, beforeAll, expect, test } from "vitest";
import { ChangeMeter } from "./change";
import { changeOf } from "./change.reference";
import { openDevice, storage } from "./testing/gpu";

let device: GPUDevice;

beforeAll(async () => {
  device = await openDevice();
});

afterAll(() => {
  device.destroy();
});

/** Colours from 0 to 1, as the resize makes them. */
function makePlanes(side: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed;
  return Float32Array.from({ length: 3 * side * side }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 24) / 255;
  });
}

test("any two squares, as on the processor", async () => {
  const meter = new ChangeMeter(device);
  for (const side of [64, 128, 320, 1024, 64]) {
    const before = makePlanes(side, 1);
    const now = before.map((value, i) => (i % 7 === 0 ? value / 2 : value));
    const [a, b] = [storage(device, before), storage(device, now)];
    expect(await meter.measure(a, side)).toBe(Infinity);
    meter.keep(a, side);
    expect(await meter.measure(a, side)).toBe(0);
    const wanted = changeOf(now, before, side);
    expect(wanted).toBeGreaterThan(0.01);
    expect(await meter.measure(b, side)).toBeCloseTo(wanted, 6);
    a.destroy();
    b.destroy();
  }
  meter.dispose();
});

test("a small thing that moves counts, wherever it is", async () => {
  const side = 256;
  const tile = side / 16;
  const black = storage(device, 4 * 3 * side * side);
  const meter = new ChangeMeter(device);
  meter.keep(black, side);
  for (const [column, row] of [
    [0, 0],
    [15, 15],
    [7, 11],
  ] as const) {
    const planes = new Float32Array(3 * side * side);
    // Half a tile turns white.
    for (let y = 0; y < tile; y++) {
      for (let x = 0; x < tile / 2; x++) {
        const at = (row * tile + y) * side + column * tile + x;
        for (let plane = 0; plane < 3; plane++) {
          planes[plane * side * side + at] = 1;
        }
      }
    }
    const now = storage(device, planes);
    expect(changeOf(planes, new Float32Array(planes.length), side)).toBe(0.5);
    expect(await meter.measure(now, side)).toBe(0.5);
    now.destroy();
  }
  meter.dispose();
  black.destroy();
});

test("what is compared with is what was kept, not what its buffer holds", async () => {
  const side = 64;
  const planes = storage(device, makePlanes(side, 3));
  const meter = new ChangeMeter(device);
  meter.keep(planes, side);
  const other = makePlanes(side, 4);
  device.queue.writeBuffer(planes, 0, other);
  const wanted = changeOf(other, makePlanes(side, 3), side);
  expect(await meter.measure(planes, side)).toBeCloseTo(wanted, 6);
  meter.keep(planes, side);
  expect(await meter.measure(planes, side)).toBe(0);
  meter.dispose();
  planes.destroy();
});
