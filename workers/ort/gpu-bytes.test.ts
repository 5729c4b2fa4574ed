import { expect, test } from "vitest";
import {
  CACHE_LABEL,
  GpuBytes,
  LOGITS_LABEL,
  textureBytes,
  weightLabel,
} from "./gpu-bytes";

class FakeResource {
  destroyed = 0;

  destroy(): void {
    this.destroyed += 1;
  }
}

interface FakeDevice {
  createBuffer(descriptor: GPUBufferDescriptor): FakeResource;
  createTexture(descriptor: GPUTextureDescriptor): FakeResource;
}

function fakeDevice(): { device: FakeDevice; bytes: GpuBytes } {
  const device: FakeDevice = {
    createBuffer: () => new FakeResource(),
    createTexture: () => new FakeResource(),
  };
  return { device, bytes: new GpuBytes(device as unknown as GPUDevice) };
}

const usage = 0;

test("counts buffers and textures until they are destroyed", () => {
  const { device, bytes } = fakeDevice();
  const first = device.createBuffer({ size: 1000, usage });
  const size = { width: 10, height: 5 };
  const second = device.createTexture({ size, format: "rgba8unorm", usage });
  expect(bytes.now).toBe(1200);
  first.destroy();
  first.destroy();
  expect(first.destroyed).toBe(2);
  expect(bytes.now).toBe(200);
  second.destroy();
  expect(bytes.now).toBe(0);
});

test("notifies listeners of growth", () => {
  const { device, bytes } = fakeDevice();
  const seen: number[] = [];
  const stop = bytes.onGrowth(() => seen.push(bytes.now));
  device.createBuffer({ size: 16, usage }).destroy();
  device.createBuffer({ size: 32, usage });
  stop();
  device.createBuffer({ size: 64, usage });
  expect(seen).toEqual([16, 32]);
  expect(bytes.now).toBe(96);
});

test("computes the bytes of textures", () => {
  const bytes = (
    format: GPUTextureFormat,
    size: GPUExtent3DStrict,
    samples = 1,
  ) => textureBytes({ format, size, usage, sampleCount: samples });
  expect(bytes("r8unorm", [8, 8])).toBe(64);
  expect(bytes("rgba16float", { width: 4, height: 4 })).toBe(128);
  expect(bytes("rg32float", [2, 2, 3], 4)).toBe(384);
  expect(bytes("rgb10a2unorm", [3])).toBe(12);
  expect(bytes("depth24plus", [2, 2])).toBe(16);
});

test("says what the bytes are for", () => {
  const { device, bytes } = fakeDevice();
  const create = (size: number, label?: string) =>
    device.createBuffer({ size, usage, ...(label !== undefined && { label }) });
  const weight = create(1, weightLabel("head"));
  create(2, CACHE_LABEL);
  create(4, LOGITS_LABEL);
  create(8);
  create(16, "sampler state");
  const other = { cache: 2, logits: 4, runtime: 8, other: 16 };
  expect(bytes.parts).toEqual({ weights: 1, ...other });
  weight.destroy();
  expect(bytes.parts).toEqual({ weights: 0, ...other });
  expect(bytes.now).toBe(30);
});
