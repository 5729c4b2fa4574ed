import { afterEach, expect, test, vi } from "vitest";
import type { Weight } from "../backends/webgpu/graphs/weight";
import { GpuWeights } from "../backends/webgpu/gpu-weights";
import { generate } from "../pipeline";
import {
  loadOptions,
  options,
  testImage,
  microOfSize,
} from "../testing/harness";
import { openWithoutTrials } from "../testing/on-gpu";
import { loadModel } from "./load";

const never = new AbortController().signal;

afterEach(() => {
  vi.restoreAllMocks();
});

/** The same weight with every value NaN. */
const withNaN = (weight: Weight): Weight => ({
  ...weight,
  chunks: async function* () {
    for await (const chunk of weight.chunks()) yield chunk.slice().fill(0xff);
  },
});

test("falls back to the ORT backend when the WebGPU decoder computes NaN", async () => {
  openWithoutTrials();
  const upload = GpuWeights.upload.bind(GpuWeights);
  vi.spyOn(GpuWeights, "upload").mockImplementation((gpu, weights, next) => {
    const isHead = ({ dims }: Weight) => dims.includes(260);
    const ours = weights.map((one) => (isHead(one) ? withNaN(one) : one));
    return upload(gpu, ours, next);
  });
  const size = 64;
  const model = await microOfSize(size);
  const asked = {
    ...loadOptions,
    model,
    device: "webgpu",
    backend: "auto",
  } as const;
  const loaded = await loadModel(asked, never, () => undefined);
  try {
    expect(loaded.info.backend).toBe("ort");
    expect(loaded.info.backendReason).toMatch(/NaN or Infinity/);
    const frame = await testImage();
    const said = await generate(
      loaded,
      [frame],
      { ...options, size },
      never,
      () => undefined,
    );
    expect(said.tokenIds).toHaveLength(12);
  } finally {
    await loaded.release();
  }
});
