import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { LanguageBackend } from "../backend";
import type { Gpu } from "../../ort/device";
import {
  answer,
  openWebGpuLanguage,
  syntheticPrompt,
  openSource,
  openOrtLanguage,
  type ModelGraphs,
} from "../../testing/open-backends";
import { micro } from "../../testing/harness";
import { testGpu } from "../../testing/on-gpu";
import type { WebGpuLanguage } from "./language";

/** Length of an answer. */
const COUNT = 24;

let gpu: Gpu;
let source: ModelGraphs;
let reference: LanguageBackend;
let webgpu: WebGpuLanguage;

beforeAll(async () => {
  gpu = await testGpu();
  source = await openSource(micro);
  reference = await openOrtLanguage(source);
  webgpu = await openWebGpuLanguage(source, gpu, 64);
});

afterAll(async () => {
  await webgpu.release();
  await reference.release();
  gpu.close();
});

const made = (seed: number, ...sizes: [number, number, number]) =>
  syntheticPrompt(source, seed, sizes);

test("answers do not allocate GPU resources", async () => {
  const asked = await made(51, 9, 4, 7);
  const other = await made(52, 9, 4, 7);
  const { ids: draft } = await answer(reference, asked, COUNT);
  const round = async () => {
    await answer(webgpu, asked, COUNT, { draft });
    await answer(webgpu, other, 3);
  };
  await round();
  const before = gpu.bytes.now;
  const { device } = gpu;
  const makers = [
    vi.spyOn(device, "createBuffer"),
    vi.spyOn(device, "createBindGroup"),
    vi.spyOn(device, "createComputePipeline"),
  ];
  for (let i = 0; i < 5; i++) await round();
  for (const maker of makers) {
    expect(maker).not.toHaveBeenCalled();
    maker.mockRestore();
  }
  expect(gpu.bytes.now).toBe(before);
});

test("releases the graphs of the oldest prompt lengths", async () => {
  const sizes: number[] = [];
  // ORT keeps some freed buffers; their number is bounded.
  for (let round = 0; round < 4; round++) {
    for (let length = 8; length <= 112; length += 8) {
      await answer(webgpu, await made(length, length, 0, 0), 1);
    }
    sizes.push(gpu.bytes.now);
  }
  expect(sizes[3]).toBe(sizes[1]);
});
