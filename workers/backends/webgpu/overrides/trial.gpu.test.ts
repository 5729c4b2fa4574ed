import { afterAll, beforeAll, expect, test } from "vitest";
import type { KernelVariant } from "../../../kernels/kernel-variant";
import type { Gpu } from "../../../ort/device";
import { bufferOf, floatsOf, testGpu } from "../../../testing/on-gpu";
import { tryOperation } from "./trial";
import type { Operation } from "./operation";
import type { BufferRange } from "./ort-shader";

let gpu: Gpu;

beforeAll(async () => {
  gpu = await testGpu();
});

afterAll(() => {
  gpu.close();
});

const CONTENTS = Float32Array.of(1, 2, 3, 4);

const rangeOf = (buffer: GPUBuffer, size = buffer.size): BufferRange => ({
  ...{ buffer, size, offset: 0 },
});

const copy: KernelVariant = {
  family: "copy",
  kernel: {
    label: "copy",
    code: `
      @group(0) @binding(0) var<storage, read> x: array<f32>;
      @group(0) @binding(1) var<storage, read_write> y: array<f32>;
      @group(0) @binding(2) var<uniform> size: vec4u;
      @compute @workgroup_size(4)
      fn main(@builtin(local_invocation_index) i: u32) {
        if (i < size.x) { y[i] = x[i]; }
      }`,
  },
  workgroups: [1, 1, 1],
};

/** Copies four numbers from `input`. */
function operationOn(input: GPUBuffer, changed: Partial<Operation>): Operation {
  const output = rangeOf(bufferOf(gpu, 16));
  return {
    ...{ name: "copy", kind: crypto.randomUUID(), type: "float32" },
    variants: () => [copy],
    uniform: Uint32Array.of(4, 0, 0, 0),
    ranges: [rangeOf(input), output],
    noisy: [rangeOf(input)],
    outputs: [output],
    multiplyAdds: 0,
    results: [4],
    ...changed,
  };
}

test("finds no fault with a correct kernel, and restores the inputs", async () => {
  const input = bufferOf(gpu, CONTENTS);
  const operation = operationOn(input, {});
  const { kernel, fault } = await tryOperation(gpu.device, operation, []);
  expect({ kernel, fault }).toEqual({ kernel: "copy", fault: undefined });
  expect(await floatsOf(gpu, input, 4)).toEqual(CONTENTS);
});

test("overwrites nothing that could not be saved", async () => {
  const input = bufferOf(gpu, CONTENTS);
  const more = rangeOf(bufferOf(gpu, 16), 2 ** 20);
  const preset = [{ range: rangeOf(input), words: [9, 9] }];
  const operation = operationOn(input, { noisy: [more], preset });
  const { faster, fault } = await tryOperation(gpu.device, operation, []);
  expect(faster).toBe("ort");
  expect(fault).toMatch(/copy/i);
  // `floatsOf` also throws GPU errors that the trial did not catch.
  expect(await floatsOf(gpu, input, 4)).toEqual(CONTENTS);
});

test("keeps ORT's commands when there is no memory for the trial", async () => {
  const input = bufferOf(gpu, CONTENTS);
  const createBuffer = gpu.device.createBuffer.bind(gpu.device);
  gpu.device.createBuffer = (descriptor) =>
    createBuffer({
      ...descriptor,
      ...(descriptor.label === "trial" && { size: 2 ** 50 }),
    });
  const operation = operationOn(input, {});
  const { faster, fault } = await tryOperation(gpu.device, operation, []);
  gpu.device.createBuffer = createBuffer;
  expect(faster).toBe("ort");
  expect(fault).toBeDefined();
  expect(await floatsOf(gpu, input, 4)).toEqual(CONTENTS);
});

test("keeps ORT's commands and restores the inputs when the kernel throws", async () => {
  const input = bufferOf(gpu, CONTENTS);
  const thrower: KernelVariant = {
    ...copy,
    get workgroups(): never {
      throw new Error("no workgroups");
    },
  };
  const operation = operationOn(input, { variants: () => [thrower] });
  const { faster, fault } = await tryOperation(gpu.device, operation, []);
  expect(faster).toBe("ort");
  expect(fault).toContain("no workgroups");
  expect(await floatsOf(gpu, input, 4)).toEqual(CONTENTS);
});
