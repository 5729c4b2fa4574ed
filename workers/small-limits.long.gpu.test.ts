import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { Backend } from "./backends/backend";
import { openOrtBackend } from "./backends/ort/open";
import { planWebGpuBackend } from "./backends/webgpu/open";
import { noise } from "./kernels/testing/random";
import { maxAbsDifference } from "./kernels/testing/run-variant";
import type { Gpu } from "./ort/device";
import { Tensors } from "./ort/tensor";
import { limitAdapters } from "./testing/limited-adapter";
import { bufferOf, skipTrials, testGpu } from "./testing/on-gpu";
import {
  answer,
  openSource,
  syntheticPrompt,
  type ModelGraphs,
} from "./testing/open-backends";
import { syntheticModel } from "./testing/synthetic-model";
import { wideModel } from "./testing/wide-model";

/** The guaranteed `maxStorageBufferBindingSize`, which many phones have. */
const LIMIT = 128 * 2 ** 20;

/** Tokens of an answer: a prefill and a step. */
const COUNT = 2;

const never = () => undefined;

const opened: { release(): Promise<void> }[] = [];

beforeAll(() => {
  limitAdapters({ maxStorageBufferBindingSize: LIMIT });
});

afterEach(async () => {
  for (const part of opened.splice(0)) await part.release();
});

afterAll(() => {
  vi.restoreAllMocks();
});

/** A device that was created with the limit. */
async function limitedGpu(): Promise<Gpu> {
  const gpu = await testGpu();
  await skipTrials(gpu.device);
  expect(gpu.device.limits.maxStorageBufferBindingSize).toBe(LIMIT);
  const release = () => Promise.resolve(gpu.close());
  opened.push({ release });
  return gpu;
}

type BackendName = "wasm" | "ort" | "webgpu";

/** Opens a backend, runs `job` on it and releases it. */
async function onBackend<T>(
  name: BackendName,
  { graphs, config }: ModelGraphs,
  job: (backend: Backend, tensors: Tensors) => Promise<T>,
): Promise<T> {
  const gpu = name === "wasm" ? undefined : await limitedGpu();
  const tensors = new Tensors(gpu);
  const backend =
    name === "webgpu" && gpu !== undefined
      ? await (
          await planWebGpuBackend(graphs, config, gpu)
        ).open(tensors, never)
      : await openOrtBackend(graphs, tensors, config, never);
  opened.unshift(backend.encoder, backend.language);
  const result = await job(backend, tensors);
  for (const part of opened.splice(0)) await part.release();
  return result;
}

const answerOn = (name: BackendName, source: ModelGraphs) =>
  onBackend(name, source, async ({ language }) => {
    const prompt = syntheticPrompt(source, 5, [3, 1, 4]);
    return (await answer(language, prompt, COUNT)).ids;
  });

// An output layer of 543 MB, or of 68 MB with its scales apart, and tables of 543
// and 272 MB.
test.each([
  ["q4", "fp16", { products: "quantized" }],
  ["fp32", "fp32", { products: "matmul" }],
  ["fp32", "fp16", { products: "gemm" }],
] as const)(
  "buffers of 128 MiB suffice for a decoder in %s and a table in %s, %j",
  async (decoder, table, variant) => {
    const model = await wideModel(decoder, table, variant);
    const source = await openSource(model, decoder, table);
    const ids = await answerOn("wasm", source);
    expect(new Set(ids).size).toBe(COUNT);
    expect(await answerOn("ort", source)).toEqual(ids);
    expect(await answerOn("webgpu", source)).toEqual(ids);
  },
);

// The software adapter takes minutes.
test(
  "buffers of 128 MiB suffice for an image of 1024 pixels",
  { timeout: 1_800_000 },
  async () => {
    const source = await openSource(await syntheticModel("tiny-wide"));
    const dims = [1, 3, 1024, 1024];
    const data = noise(3 * 1024 * 1024, 1);
    const encodeOn = (name: BackendName) =>
      onBackend(name, source, async ({ encoder }, tensors) => {
        const pixels =
          tensors.gpu === undefined
            ? tensors.floats(data, dims)
            : tensors.ofBuffer(bufferOf(tensors.gpu, data), "float32", dims);
        const features = await encoder.encode(pixels);
        const values = await tensors.numbers(features);
        features.dispose();
        pixels.dispose();
        return values;
      });
    const wanted = await encodeOn("wasm");
    const largest = wanted.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    expect(largest).toBeGreaterThan(0.1);
    for (const name of ["ort", "webgpu"] as const) {
      const got = await encodeOn(name);
      expect(maxAbsDifference(got, wanted) / largest, name).toBeLessThan(1e-3);
    }
  },
);
