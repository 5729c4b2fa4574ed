import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
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
  pushErrorScope(): void {}
  popErrorScope = () => Promise.resolve(null);

  fault(message: string): void {
    const error = { message };
    this.dispatchEvent(Object.assign(new Event("uncapturederror"), { error }));
  }
}

test("reports an error once", async () => {
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

test("reports a buffer that has no memory to be mapped", () => {
  const device = new FakeDevice();
  device.createBuffer = () => {
    throw new RangeError("too large");
  };
  const gpu = new Gpu(device as unknown as GPUDevice, "fake");
  const descriptor = { size: 16, usage: 0, mappedAtCreation: true };
  expect(() => gpu.device.createBuffer(descriptor)).toThrow(RangeError);
  expect(() => gpu.check()).toThrow(/^Out of memory: too large\.$/);
});

test("releases the results of watched work", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const device = new FakeDevice();
  const gpu = new Gpu(device as unknown as GPUDevice, "fake");
  const heapAfter = async (times: number): Promise<number> => {
    for (let i = 0; i < times; i++) {
      gpu.watch(() => undefined);
      await gpu.watchesDone();
    }
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = await heapAfter(1000);
  const bytes = (await heapAfter(50_000)) - before;
  expect(bytes / 50_000, "bytes each time").toBeLessThan(10);
});

test.each([
  [["subgroups"], "nvidia", true],
  [["subgroups"], "apple", false],
  [[], "nvidia", false],
] as const)(
  "with features %j of vendor %s multiplies in 8 bits: %s",
  (features, vendor, expected) => {
    const device = Object.assign(new FakeDevice(), {
      features: new Set(features),
      adapterInfo: { vendor },
    });
    const gpu = new Gpu(device as unknown as GPUDevice, "fake");
    expect(gpu.multipliesIn8Bits).toBe(expected);
  },
);
