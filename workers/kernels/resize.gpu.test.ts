import { afterAll, beforeAll, expect, test } from "vitest";
import {
  crop,
  gridSquare,
  letterbox,
  stretch,
  type Geometry,
} from "./resize-geometry";
import { Resizer } from "./resize";
import { resizeToPlanes } from "./resize.reference";
import {
  findDifference,
  goldenCases,
  isLarge,
  paint,
} from "./testing/resize-golden";
import {
  bitmapOf,
  openLargeDevice,
  resizeOnGpu,
} from "./testing/resize-on-gpu";

let device: GPUDevice;
let resizer: Resizer;
/** Buffers and textures that were made and not yet destroyed. */
const alive = new Set<GPUBuffer | GPUTexture>();

beforeAll(async () => {
  device = await openLargeDevice();
  watch("createBuffer");
  watch("createTexture");
  resizer = new Resizer(device);
});

afterAll(() => {
  resizer.dispose();
  device.destroy();
});

function watch(name: "createBuffer" | "createTexture"): void {
  const make = device[name].bind(device) as (
    descriptor: unknown,
  ) => GPUBuffer | GPUTexture;
  Object.defineProperty(device, name, {
    value: (descriptor: unknown) => {
      const made = make(descriptor);
      const destroy = made.destroy.bind(made);
      alive.add(made);
      made.destroy = () => {
        alive.delete(made);
        return destroy();
      };
      return made;
    },
  });
}

const onGpu = (source: ImageBitmap | VideoFrame, geometry: Geometry) =>
  resizeOnGpu(device, resizer, source, geometry);

function onCpu(
  rgba: Uint8ClampedArray,
  width: number,
  geometry: Geometry,
): Float32Array {
  return resizeToPlanes((x, y, columns, rows) => {
    const out = new Uint8ClampedArray(columns * rows * 4);
    for (let row = 0; row < rows; row++) {
      const from = ((y + row) * width + x) * 4;
      out.set(rgba.subarray(from, from + columns * 4), row * columns * 4);
    }
    return out;
  }, geometry);
}

function maxAbsDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => {
    return Math.max(most, Math.abs(value - (b[i] ?? NaN)));
  }, 0);
}

// resize.long.gpu.test.ts has the other large images.
const cases = goldenCases.filter((wanted) => {
  return !isLarge(wanted) || wanted.title.startsWith("crop");
});

for (const wanted of cases) {
  test(`equals Pillow bit for bit: ${wanted.title}`, async () => {
    const bitmap = await bitmapOf(wanted.width, wanted.height);
    const resize = (geometry: Geometry) => onGpu(bitmap, geometry);
    expect(await findDifference(wanted, resize)).toBe("");
    bitmap.close();
  });
}

/** A seeded generator of integers below `limit`. */
function seededRandom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

test("agrees with the reference for images of random sizes and fits", async () => {
  const random = seededRandom(7);
  for (let i = 0; i < 40; i++) {
    // Uniform in the logarithm, so that narrow strips are as likely as photos.
    const width = Math.floor(1000 ** (random(1000) / 1000)) + 1;
    const height = Math.floor(1000 ** (random(1000) / 1000)) + 1;
    const size = 64 * (1 + random(6));
    const geometry = [
      letterbox(width, height, size),
      crop(width, height, size),
      stretch(width, height, size),
      gridSquare(width, height, size, 2, random(2), random(2)),
    ][i % 4];
    if (geometry === undefined) throw new Error("no geometry");
    const bitmap = await bitmapOf(width, height);
    const gpu = await onGpu(bitmap, geometry);
    bitmap.close();
    // Integers over 255: exact except for the last bit of the division.
    expect(
      maxAbsDifference(gpu, onCpu(paint(width, height), width, geometry)),
      JSON.stringify(geometry),
    ).toBeLessThan(1e-6);
  }
});

test("resizes images that are larger than any texture", async () => {
  const long = device.limits.maxTextureDimension2D + 1001;
  for (const [width, height] of [
    [long, 5],
    [5, long],
  ] as const) {
    const bitmap = await bitmapOf(width, height);
    for (const fit of [letterbox, crop, stretch]) {
      const geometry = fit(width, height, 64);
      const gpu = await onGpu(bitmap, geometry);
      const cpu = onCpu(paint(width, height), width, geometry);
      expect(maxAbsDifference(gpu, cpu)).toBeLessThan(1e-6);
    }
    bitmap.close();
  }
});

test("frees the resources of earlier sizes and fits", async () => {
  resizer.dispose();
  const before = alive.size;
  const small = await bitmapOf(90, 60);
  const large = await bitmapOf(300, 500);
  const held: number[] = [];
  for (let round = 0; round < 3; round++) {
    for (const size of [64, 128]) {
      await onGpu(large, letterbox(300, 500, size));
      await onGpu(large, stretch(300, 500, size));
      await onGpu(small, letterbox(90, 60, size));
    }
    held.push(alive.size);
  }
  expect(new Set(held).size).toBe(1);
  resizer.dispose();
  expect(alive.size).toBe(before);
  small.close();
  large.close();
});

test("shows the background behind transparent pixels", async () => {
  const rgba = paint(64, 64);
  for (let i = 3; i < rgba.length; i += 4) rgba[i] = 0;
  const bitmap = await createImageBitmap(new ImageData(rgba, 64, 64));
  const geometry = letterbox(64, 64, 64);
  for (const color of [0, 51, 255]) {
    const background = [color, color, color] as const;
    const gpu = await resizeOnGpu(
      device,
      resizer,
      bitmap,
      geometry,
      background,
    );
    const steps = new Set(gpu.map((value) => Math.round(value * 255)));
    expect([...steps]).toEqual([color]);
  }
  bitmap.close();
});

test("reads a VideoFrame", async () => {
  const rgba = paint(320, 240);
  const frame = new VideoFrame(rgba, {
    format: "RGBA",
    codedWidth: 320,
    codedHeight: 240,
    timestamp: 0,
  });
  const geometry = letterbox(320, 240, 64);
  const gpu = await onGpu(frame, geometry);
  frame.close();
  expect(maxAbsDifference(gpu, onCpu(rgba, 320, geometry))).toBeLessThan(
    1.01 / 255,
  );
});
