import { afterAll, beforeAll, expect, test } from "vitest";
import { noise } from "./kernels/testing/random";
import type { Gpu } from "./ort/device";
import { Tensors } from "./ort/tensor";
import { bufferOf, floatsOf, testGpu } from "./testing/on-gpu";
import {
  answer,
  openOrtEncoder,
  openOrtLanguage,
  openWebGpuEncoder,
  openWebGpuLanguage,
  syntheticPrompt,
} from "./testing/open-backends";
import { openPublishedModel } from "./testing/published/open";

/** Runs a small model in the published form on the WebGPU backend. */
const SIZE = 128;

const adapter = await navigator.gpu.requestAdapter();
const half = adapter?.features.has("shader-f16") === true;
const dtypes = ["fp32", "q4", ...(half ? (["fp16", "q4f16"] as const) : [])];

let gpu: Gpu;

beforeAll(async () => {
  gpu = await testGpu({ trials: false });
});

afterAll(() => {
  gpu.close();
});

test.each(dtypes as readonly ("fp32" | "fp16" | "q4" | "q4f16")[])(
  "the published graphs give the outputs of the ORT backend in %s",
  async (dtype) => {
    const source = await openPublishedModel(dtype);
    const tensors = new Tensors(gpu);
    const pixels = noise(3 * SIZE * SIZE, 1).map(Math.abs);
    const dims = [1, 3, SIZE, SIZE];
    const reference = await openOrtEncoder(source);
    const wanted = await reference.encode(tensors.floats(pixels, dims));
    const features = wanted.data as Float32Array;
    const encoder = await openWebGpuEncoder(source, tensors);
    const buffer = bufferOf(gpu, pixels);
    const got = await encoder.encode(tensors.ofBuffer(buffer, "float32", dims));
    const values = await floatsOf(gpu, got.gpuBuffer, got.size);
    const largest = Math.max(...features.map(Math.abs));
    const errors = values.map((x, i) => Math.abs(x - (features[i] ?? NaN)));
    expect(Math.max(...errors) / largest).toBeLessThan(0.01);
    await encoder.release();
    await reference.release();

    const ort = await openOrtLanguage(source);
    const webgpu = await openWebGpuLanguage(source, gpu, 64);
    const question = syntheticPrompt(source, 1, [12, 4, 8]);
    const { ids } = await answer(ort, question, 6);
    expect((await answer(webgpu, question, 6)).ids).toEqual(ids);
    await ort.release();
    await webgpu.release();
  },
);
