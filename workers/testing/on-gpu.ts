import { vi } from "vitest";
import { createTensorBuffer } from "../backends/webgpu/replayable-graph";
import {
  trialRecordOf,
  useTrialRecord,
  type TrialResult,
} from "../backends/webgpu/overrides/trial-record";
import { readBack } from "../kernels/testing/gpu";
import { openGpu, reopenGpu } from "../ort/adapter";
import type { Gpu } from "../ort/device";
import { defined } from "../util/assert";

/** The first device; like it, others are opened without checking attention. */
let first: Gpu | undefined;

/** A device of this machine's adapter. `trials`: whether our kernels are tried
 * and used. */
export async function testGpu({ trials = true } = {}): Promise<Gpu> {
  const gpu = first === undefined ? await openFirst() : await reopenGpu(first);
  if (!trials) await skipTrials(gpu.device);
  return gpu;
}

async function openFirst(): Promise<Gpu> {
  const heads = { heads: 2, kvHeads: 1, headDim: 32 };
  const opened = await openGpu("webgpu", heads);
  if (!("gpu" in opened)) throw new Error("These tests need WebGPU.");
  first = opened.gpu;
  return first;
}

/** Keeps ORT's kernels in graphs that are recorded on `device`: on the software
 * adapter, the trials of a graph take many times longer than the recording. */
export async function skipTrials(device: GPUDevice): Promise<void> {
  await useTrialRecord(device, "without trials");
  const record = defined(trialRecordOf(device), "record");
  const times = { ortMs: NaN, kernelMs: NaN };
  const result: TrialResult = { faster: "ort", kernel: "", ...times };
  record.find = () => result;
}

/** Opens all further devices without trials, until the mocks are restored. */
export function openWithoutTrials(): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called on its own this below
  const { requestDevice } = GPUAdapter.prototype;
  vi.spyOn(GPUAdapter.prototype, "requestDevice").mockImplementation(
    async function (this: GPUAdapter, descriptor) {
      const device = await requestDevice.call(this, descriptor);
      await skipTrials(device);
      return device;
    },
  );
}

/** A buffer with `data`, or with so many bytes. */
export function bufferOf(
  gpu: Pick<Gpu, "device">,
  data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | number,
): GPUBuffer {
  const bytes = typeof data === "number" ? data : data.byteLength;
  const buffer = createTensorBuffer(gpu, "test", bytes);
  if (typeof data !== "number") gpu.device.queue.writeBuffer(buffer, 0, data);
  return buffer;
}

/** The first `length` floats of a buffer. */
export async function floatsOf(
  gpu: Gpu,
  buffer: GPUBuffer,
  length: number,
): Promise<Float32Array> {
  const bytes = await gpu.guard(readBack(gpu.device, buffer));
  gpu.check();
  return new Float32Array(bytes, 0, length);
}

/** Calls `submitted` instead of the next submit of an encoder with this label. */
function atSubmit(
  { device }: Gpu,
  label: string,
  submitted: GPUQueue["submit"],
): void {
  const { queue } = device;
  const create = device.createCommandEncoder.bind(device);
  device.createCommandEncoder = (descriptor) => {
    if (descriptor?.label === label) {
      Reflect.deleteProperty(device, "createCommandEncoder");
      queue.submit = (buffers) => {
        Reflect.deleteProperty(queue, "submit");
        submitted(buffers);
      };
    }
    return create(descriptor);
  };
}

/** Destroys the device after the next submit of an encoder with this label. */
export function loseAt(gpu: Gpu, label: string): void {
  const { device } = gpu;
  atSubmit(gpu, label, (buffers) => {
    device.queue.submit(buffers);
    device.destroy();
  });
}

/** Makes the next submit of an encoder with this label fail. */
export function breakSubmit(gpu: Gpu, label: string): void {
  const { device } = gpu;
  atSubmit(gpu, label, (buffers) => {
    // Its pass is never ended.
    const encoder = device.createCommandEncoder({ label: "broken" });
    encoder.beginComputePass();
    device.queue.submit([encoder.finish(), ...buffers]);
  });
}
