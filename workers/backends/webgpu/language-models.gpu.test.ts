import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
import { other } from "../../testing/harness";
import { testGpu } from "../../testing/on-gpu";

const nano = new URL("/models/nano/", location.href).href;

describe.each([
  ["other", other, "fp32"],
  ["nano in q4", nano, "q4"],
] as const)("%s", (_, url, dtype) => {
  let gpu: Gpu;
  let source: ModelGraphs;
  let reference: LanguageBackend;
  let webgpu: LanguageBackend;

  beforeAll(async () => {
    gpu = await testGpu();
    source = await openSource(url, dtype);
    reference = await openOrtLanguage(source);
    webgpu = await openWebGpuLanguage(source, gpu, 64);
  });

  afterAll(async () => {
    await webgpu.release();
    await reference.release();
    gpu.close();
  });

  // ORT has other attention kernels for few positions than for many.
  test.each([
    [1, 0, 0],
    [9, 4, 7],
    [14, 64, 30],
  ] as const)(
    "answers like the ORT backend: %i ids, %i image tokens, %i ids",
    async (...sizes) => {
      const asked = await syntheticPrompt(source, 7, sizes);
      const wanted = await answer(reference, asked, 20);
      const got = await answer(webgpu, asked, 20);
      expect(got.ids).toEqual(wanted.ids);
    },
  );
});
