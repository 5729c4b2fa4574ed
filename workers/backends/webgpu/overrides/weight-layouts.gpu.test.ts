import { afterAll, beforeAll, expect, test } from "vitest";
import type { Encoder } from "../../backend";
import type { Gpu } from "../../../ort/device";
import { Tensors } from "../../../ort/tensor";
import { openWebGpuEncoder, openSource } from "../../../testing/open-backends";
import { bufferOf, testGpu } from "../../../testing/on-gpu";

let gpu: Gpu;
let tensors: Tensors;

beforeAll(async () => {
  gpu = await testGpu({ trials: false });
  tensors = new Tensors(gpu);
});

afterAll(() => {
  gpu.close();
});

async function encode(encoder: Encoder, size: number): Promise<void> {
  const pixels = bufferOf(gpu, new Float32Array(3 * size * size));
  const given = tensors.ofBuffer(pixels, "float32", [1, 3, size, size]);
  (await encoder.encode(given)).dispose();
  given.dispose();
  pixels.destroy();
}

test("transposes a weight once for all input sizes", async () => {
  const layouts: GPUBuffer[] = [];
  const createBuffer = gpu.device.createBuffer.bind(gpu.device);
  gpu.device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    if (buffer.label.endsWith(" transposed")) layouts.push(buffer);
    return buffer;
  };
  const url = new URL("/models/nano/", location.href).href;
  const encoder = await openWebGpuEncoder(await openSource(url), tensors);
  const uploaded = gpu.bytes.parts.weights;
  await encode(encoder, 64);
  const once = layouts.length;
  expect(once).toBeGreaterThan(0);
  // The third size releases the first graph, which is recorded again.
  for (const size of [128, 192, 64]) await encode(encoder, size);
  expect(layouts).toHaveLength(once);
  // Each weight is on the GPU in one layout only, in whole vectors.
  const added = gpu.bytes.parts.weights - uploaded;
  expect(added).toBeLessThan(16 * once);
  const before = gpu.bytes.now;
  const bytes = layouts.reduce((sum, { size }) => sum + size, 0);
  await encoder.release();
  expect(before - gpu.bytes.now).toBeGreaterThanOrEqual(bytes);
  gpu.check();
});
