import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Gpu } from "../../ort/device";
import {
  answer,
  openWebGpuLanguage,
  greedy,
  syntheticPrompt,
  openSource,
  openOrtLanguage,
  type ModelGraphs,
} from "../../testing/open-backends";
import { failsWith } from "../../testing/harness";
import { loseAt, testGpu } from "../../testing/on-gpu";
import type { WebGpuLanguage } from "./language";
import { MAX_CHUNK } from "./prefill-plan";
import { Pace } from "./replay";

const COUNT = 3;

let gpu: Gpu;
let source: ModelGraphs;
let webgpu: WebGpuLanguage;

beforeAll(async () => {
  gpu = await testGpu({ trials: false });
  source = await openSource(new URL("/models/nano/", location.href).href);
  webgpu = await openWebGpuLanguage(source, gpu);
});

afterAll(async () => {
  await webgpu.release();
  gpu.close();
});

const createQuestion = () => syntheticPrompt(source, 9, [MAX_CHUNK + 3, 4, 5]);

test("answers a prompt of two chunks like the ORT backend", async () => {
  const reference = await openOrtLanguage(source);
  const { ids } = await answer(reference, createQuestion(), COUNT);
  await reference.release();
  expect((await answer(webgpu, createQuestion(), COUNT)).ids).toEqual(ids);
});

test("rejects with device-lost when the device is lost between two chunks", async () => {
  const { prompt, images } = syntheticPrompt(source, 8, [MAX_CHUNK + 3, 4, 5]);
  const quick = vi.spyOn(Pace.prototype, "msPerDispatch", "get");
  quick.mockReturnValue(1e-6);
  loseAt(gpu, "prefill");
  const begun = webgpu.begin(prompt, images, { sampling: greedy, draft: [] });
  await expect(begun).rejects.toEqual(failsWith("device-lost", "GPU was lost"));
  vi.restoreAllMocks();
});
