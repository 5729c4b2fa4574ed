import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { LanguageBackend } from "../backend";
import type { Gpu } from "../../ort/device";
import {
  answer,
  fastLanguage,
  madePrompt,
  openSource,
  plainLanguage,
  type Source,
} from "../../testing/fast";
import { micro } from "../../testing/harness";
import { testGpu } from "../../testing/on-gpu";
import type { WebGpuLanguage } from "./language";

/** Length of an answer. */
const COUNT = 24;

let gpu: Gpu;
let source: Source;
let plain: LanguageBackend;
let fast: WebGpuLanguage;

beforeAll(async () => {
  gpu = await testGpu();
  source = await openSource(micro);
  plain = await plainLanguage(source);
  fast = await fastLanguage(source, gpu, 64);
});

afterAll(async () => {
  await fast.release();
  await plain.release();
  gpu.close();
});

const made = (seed: number, ...sizes: [number, number, number]) =>
  madePrompt(source, seed, sizes);

test("answers do not allocate GPU resources", async () => {
  const asked = await made(51, 9, 4, 7);
  const other = await made(52, 9, 4, 7);
  const { ids: draft } = await answer(plain, asked, COUNT);
  const round = async () => {
    await answer(fast, asked, COUNT, { draft });
    await answer(fast, other, 3);
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
      await answer(fast, await made(length, length, 0, 0), 1);
    }
    sizes.push(gpu.bytes.now);
  }
  expect(sizes[3]).toBe(sizes[1]);
});
