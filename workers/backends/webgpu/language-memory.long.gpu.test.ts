import { expect, test, vi } from "vitest";
import type { LanguageBackend } from "../backend";
import type { Gpu } from "../../ort/device";
import {
  answer,
  syntheticPrompt,
  useLanguages,
  type ModelGraphs,
} from "../../testing/open-backends";
import { micro } from "../../testing/harness";
import type { WebGpuLanguage } from "./language";

/** Length of an answer. */
const COUNT = 24;

let gpu: Gpu;
let source: ModelGraphs;
let reference: LanguageBackend;
let webgpu: WebGpuLanguage;

useLanguages(
  micro,
  "fp32",
  (opened) => {
    ({ gpu, source, reference, webgpu } = opened);
  },
  { trials: false },
);

const createQuestion = (seed: number, ...sizes: [number, number, number]) =>
  syntheticPrompt(source, seed, sizes);

test("answers do not allocate GPU resources", async () => {
  const question = createQuestion(51, 9, 4, 7);
  const other = createQuestion(52, 9, 4, 7);
  const { ids: draft } = await answer(reference, question, COUNT);
  const round = async () => {
    await answer(webgpu, question, COUNT, { draft });
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
      await answer(webgpu, createQuestion(length, length, 0, 0), 1);
    }
    sizes.push(gpu.bytes.now);
  }
  expect(sizes[3]).toBe(sizes[1]);
});
