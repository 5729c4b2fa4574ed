import { afterAll, beforeAll, expect, test } from "vitest";
import { resizeToPlanes } from "./resize.reference";
import { Resizer } from "./resize";

let device: GPUDevice;
let resizer: Resizer;

beforeAll(async () => {
  const adapter = await navigator.gpu.requestAdapter();
  if (adapter === null) throw new Error("These tests need a WebGPU adapter.");
  device = await adapter.requestDevice({
    requiredLimits: {
      maxTextureDimension2D: adapter.limits.maxTextureDimension2D,
    },
  });
  resizer = new Resizer(device);
});

afterAll(() => {
  resizer.dispose();
  device.destroy();
});

/** Edges and noise; a multiplicative hash, so that any strip can be made. */
function paint(width: number, height: number): ImageData {
  const image = new ImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const hash = Math.imul(x * 73856093 + y * 19349663 + 1, 0x9e3779b1);
      const edge = ((x >> 4) ^ (y >> 4)) & 1 ? 0xffffff : hash >>> 8;
      words[y * width + x] = 0xff000000 | edge;
    }
  }
  return image;
}

async function onGpu(
  bitmap: ImageBitmap | VideoFrame,
  width: number,
  height: number,
  side: number,
): Promise<Float32Array> {
  const size = 3 * side * side * 4;
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const planes = device.createBuffer({ size, usage: STORAGE | COPY_SRC });
  const back = device.createBuffer({ size, usage: COPY_DST | MAP_READ });
  resizer.run(bitmap, width, height, side, planes);
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(planes, 0, back, 0, size);
  device.queue.submit([encoder.finish()]);
  await back.mapAsync(GPUMapMode.READ);
  const result = new Float32Array(back.getMappedRange().slice(0));
  planes.destroy();
  back.destroy();
  return result;
}

function onCpu(image: ImageData, side: number): Float32Array {
  const { width, height, data } = image;
  const rows = (from: number, to: number): Uint8ClampedArray =>
    data.subarray(from * width * 4, to * width * 4);
  return resizeToPlanes({ width, height, rows }, side);
}

function furthest(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => {
    return Math.max(most, Math.abs(value - (b[i] ?? NaN)));
  }, 0);
}

const cases: readonly (readonly [number, number, number])[] = [
  [1, 1, 64],
  [1, 2, 64],
  [1, 333, 64],
  [333, 1, 128],
  [64, 64, 64],
  [257, 255, 256],
  [101, 67, 192],
  [640, 480, 256],
  [480, 640, 256],
  [1280, 720, 256],
  [719, 1279, 320],
  [8000, 1, 64],
  [1, 8000, 64],
  [8000, 3, 128],
  [3000, 2000, 1024],
];

for (const [width, height, side] of cases) {
  test(`${width}x${height} to ${side}`, async () => {
    const image = paint(width, height);
    const bitmap = await createImageBitmap(image);
    const gpu = await onGpu(bitmap, width, height, side);
    bitmap.close();
    // Both are integers over 255: exact but for the division's last bit.
    expect(furthest(gpu, onCpu(image, side))).toBeLessThan(1e-6);
  });
}

test("8000x2500 goes through in tiles", async () => {
  const image = paint(8000, 2500);
  const bitmap = await createImageBitmap(image);
  const gpu = await onGpu(bitmap, 8000, 2500, 64);
  bitmap.close();
  expect(furthest(gpu, onCpu(image, 64))).toBeLessThan(1e-6);
});

test("wider than any texture", async () => {
  const width = device.limits.maxTextureDimension2D + 1001;
  const image = paint(width, 5);
  const bitmap = await createImageBitmap(image);
  const gpu = await onGpu(bitmap, width, 5, 64);
  bitmap.close();
  expect(furthest(gpu, onCpu(image, 64))).toBeLessThan(1e-6);
});

test("what is transparent is black", async () => {
  const image = paint(64, 64);
  for (let i = 3; i < image.data.length; i += 4) image.data[i] = 0;
  const bitmap = await createImageBitmap(image);
  const gpu = await onGpu(bitmap, 64, 64, 64);
  bitmap.close();
  expect(Math.max(...gpu)).toBe(0);
});

test("a VideoFrame, straight", async () => {
  const image = paint(320, 240);
  const frame = new VideoFrame(image.data, {
    format: "RGBA",
    codedWidth: 320,
    codedHeight: 240,
    timestamp: 0,
  });
  const gpu = await onGpu(frame, 320, 240, 64);
  frame.close();
  expect(furthest(gpu, onCpu(image, 64))).toBeLessThan(1.01 / 255);
});
