import { expect, test } from "vitest";
import { attentionIsRight } from "./attention-test";

const shape = { heads: 4, kvHeads: 2, headDim: 32 };

async function deviceWith(features: GPUFeatureName[]): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (adapter === null) throw new Error("This test needs a WebGPU adapter.");
  return adapter.requestDevice({ requiredFeatures: features });
}

test("attention without subgroups is right", async () => {
  const device = await deviceWith([]);
  expect(await attentionIsRight(device, shape)).toBe(true);
  device.destroy();
});

test("wrong attention of small subgroups is seen", async () => {
  const device = await deviceWith(["subgroups"]);
  expect(device.adapterInfo.subgroupMaxSize).toBe(4);
  expect(await attentionIsRight(device, shape)).toBe(false);
  device.destroy();
});
