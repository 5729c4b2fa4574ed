import { expect, test } from "vitest";
import { Gpu } from "./device";

/** As much of a GPUDevice as `Gpu` listens to. */
class FakeDevice extends EventTarget {
  readonly lost = new Promise<GPUDeviceLostInfo>(() => undefined);

  createBuffer(): void {}
  createTexture(): void {}
  createShaderModule(): void {}
  createComputePipeline(): void {}
  createComputePipelineAsync(): void {}

  fault(message: string): void {
    const error = { message };
    this.dispatchEvent(Object.assign(new Event("uncapturederror"), { error }));
  }
}

test("a fault is told once, by whoever asks first", async () => {
  // Node knows no classes of WebGPU.
  Object.assign(globalThis, { GPUOutOfMemoryError: class {} });
  const device = new FakeDevice();
  const gpu = new Gpu(device as unknown as GPUDevice, "fake");
  device.fault("first");
  expect((await gpu.explain(new Error("run failed"))).message).toMatch(/first/);
  expect(() => gpu.check()).not.toThrow();
  device.fault("second");
  expect(() => gpu.check()).toThrow(/second/);
  expect((await gpu.explain(new Error("run failed"))).message).toBe(
    "run failed",
  );
});
