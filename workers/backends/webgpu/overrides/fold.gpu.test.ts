import { afterAll, beforeAll, expect, test } from "vitest";
import type { Encoder } from "../../backend";
import type { Gpu } from "../../../ort/device";
import { loadOrt } from "../../../ort/runtime";
import { Memory } from "../../../ort/tensor";
import { fastEncoder, openSource } from "../../../testing/fast";
import { bufferOf, testGpu } from "../../../testing/on-gpu";

let gpu: Gpu;
let memory: Memory;

beforeAll(async () => {
  gpu = await testGpu();
  memory = new Memory(await loadOrt(), gpu);
});

afterAll(() => {
  gpu.close();
});

async function encode(encoder: Encoder, side: number): Promise<void> {
  const pixels = bufferOf(gpu, new Float32Array(3 * side * side));
  const given = memory.ofBuffer(pixels, "float32", [1, 3, side, side]);
  (await encoder.encode(given)).dispose();
  given.dispose();
  pixels.destroy();
}

test("weights in another order are on the GPU once, whatever the sides", async () => {
  const folded: GPUBuffer[] = [];
  const createBuffer = gpu.device.createBuffer.bind(gpu.device);
  gpu.device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    if (buffer.label === "folded weight") folded.push(buffer);
    return buffer;
  };
  const url = new URL("/models/nano/", location.href).href;
  const encoder = await fastEncoder(await openSource(url), memory);
  await encode(encoder, 128);
  const once = folded.length;
  expect(once).toBeGreaterThan(0);
  // The third drops the first, which is captured anew then.
  for (const side of [192, 256, 128]) await encode(encoder, side);
  expect(folded).toHaveLength(once);
  const before = gpu.bytes.now;
  const bytes = folded.reduce((sum, { size }) => sum + size, 0);
  await encoder.release();
  expect(before - gpu.bytes.now).toBeGreaterThanOrEqual(bytes);
  gpu.check();
});
