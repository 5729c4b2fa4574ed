import { afterAll, beforeAll } from "vitest";

/** Opens a device with all limits of the adapter. GPU errors fail the test. */
export async function openDevice(
  requiredFeatures: GPUFeatureName[] = [],
): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (adapter === null) throw new Error("These tests need a WebGPU adapter.");
  const requiredLimits: Record<string, number> = {};
  for (const name in adapter.limits) {
    const value = adapter.limits[name as keyof GPUSupportedLimits];
    if (typeof value === "number") requiredLimits[name] = value;
  }
  const device = await adapter.requestDevice({
    requiredFeatures,
    requiredLimits,
  });
  device.addEventListener("uncapturederror", ({ error }) => {
    throw new Error(error.message);
  });
  return device;
}

/** Opens a device before the tests of a file and destroys it after them. */
export function useDevice(take: (device: GPUDevice) => void): void {
  let device: GPUDevice | undefined;

  beforeAll(async () => {
    device = await openDevice();
    take(device);
  });

  afterAll(() => device?.destroy());
}

/** A storage buffer with `data`, or with so many zero bytes. */
export function storage(
  device: GPUDevice,
  data: ArrayBufferView<ArrayBuffer> | number,
): GPUBuffer {
  const bytes =
    typeof data === "number"
      ? new Uint8Array(data)
      : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
  const buffer = device.createBuffer({
    size: Math.ceil(bytes.length / 4) * 4,
    usage: STORAGE | COPY_SRC | COPY_DST,
    mappedAtCreation: true,
  });
  new Uint8Array(buffer.getMappedRange()).set(bytes);
  buffer.unmap();
  return buffer;
}

/** Encodes and submits one pass. */
export function submit(
  device: GPUDevice,
  add: (pass: GPUComputePassEncoder) => void,
): void {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  add(pass);
  pass.end();
  device.queue.submit([encoder.finish()]);
}

export async function readBack(
  device: GPUDevice,
  buffer: GPUBuffer,
): Promise<ArrayBuffer> {
  const { size } = buffer;
  const { COPY_DST, MAP_READ } = GPUBufferUsage;
  const back = device.createBuffer({ size, usage: COPY_DST | MAP_READ });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, back, 0, size);
  device.queue.submit([encoder.finish()]);
  await back.mapAsync(GPUMapMode.READ);
  const copy = back.getMappedRange().slice(0);
  back.destroy();
  return copy;
}
