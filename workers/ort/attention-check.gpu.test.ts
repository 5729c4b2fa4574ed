import { expect, test } from "vitest";
import { attentionIsCorrect } from "./attention-check";

const shape = { heads: 4, kvHeads: 2, headDim: 32 };

async function deviceWith(features: GPUFeatureName[]): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (adapter === null) throw new Error("This test needs a WebGPU adapter.");
  return adapter.requestDevice({ requiredFeatures: features });
}

test("accepts attention without subgroups", async () => {
  const device = await deviceWith([]);
  expect(await attentionIsCorrect(device, shape)).toBe(true);
  device.destroy();
});

test("detects wrong attention with small subgroups", async () => {
  const device = await deviceWith(["subgroups"]);
  expect(device.adapterInfo.subgroupMaxSize).toBe(4);
  expect(await attentionIsCorrect(device, shape)).toBe(false);
  device.destroy();
});
