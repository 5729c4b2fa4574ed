import { afterEach, beforeEach, expect, test } from "vitest";
import type { Variant } from "../../../kernels/variant";
import type { Gpu } from "../../../ort/device";
import { bufferOf, floatsOf, testGpu } from "../../../testing/on-gpu";
import { choose } from "./choose";
import type { Operation } from "./operation";
import type { Range } from "./program";

let gpu: Gpu;

beforeEach(async () => {
  gpu = await testGpu();
});

afterEach(() => {
  gpu.close();
});

const CONTENTS = Float32Array.of(1, 2, 3, 4);

const rangeOf = (buffer: GPUBuffer, size = buffer.size): Range => ({
  ...{ buffer, size, offset: 0 },
});

const copy: Variant = {
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

/** Of four numbers in `input` to others. */
function operationOn(input: GPUBuffer, changed: Partial<Operation>): Operation {
  const output = rangeOf(bufferOf(gpu, 16));
  return {
    ...{ name: "copy", kind: "copy", type: "float32" },
    variants: () => [copy],
    size: Uint32Array.of(4, 0, 0, 0),
    ranges: [rangeOf(input), output],
    varied: [rangeOf(input)],
    outputs: [output],
    results: 4,
    ...changed,
  };
}

test("a kernel that does its work is found no fault with", async () => {
  const input = bufferOf(gpu, CONTENTS);
  const operation = operationOn(input, {});
  const { kernel, fault } = await choose(gpu.device, operation, []);
  expect({ kernel, fault }).toEqual({ kernel: "copy", fault: undefined });
  expect(await floatsOf(gpu, input, 4)).toEqual(CONTENTS);
});

test("nothing is written over that could not be saved", async () => {
  const input = bufferOf(gpu, CONTENTS);
  const more = rangeOf(bufferOf(gpu, 16), 2 ** 20);
  const given = [{ range: rangeOf(input), words: [9, 9] }];
  const operation = operationOn(input, { varied: [more], given });
  const { by, fault } = await choose(gpu.device, operation, []);
  expect(by).toBe("theirs");
  expect(fault).toMatch(/copy/i);
  // Which also throws what the GPU says apart from the trial.
  expect(await floatsOf(gpu, input, 4)).toEqual(CONTENTS);
});

test("no room for what is saved is no fault of the work", async () => {
  const input = bufferOf(gpu, CONTENTS);
  const createBuffer = gpu.device.createBuffer.bind(gpu.device);
  gpu.device.createBuffer = (descriptor) =>
    createBuffer({
      ...descriptor,
      ...(descriptor.label === "trial" && { size: 2 ** 50 }),
    });
  const operation = operationOn(input, {});
  const { by, fault } = await choose(gpu.device, operation, []);
  gpu.device.createBuffer = createBuffer;
  expect(by).toBe("theirs");
  expect(fault).toBeDefined();
  expect(await floatsOf(gpu, input, 4)).toEqual(CONTENTS);
});

test("a kernel that throws is not taken, and leaves all as it was", async () => {
  const input = bufferOf(gpu, CONTENTS);
  const thrower: Variant = {
    ...copy,
    get workgroups(): never {
      throw new Error("no workgroups");
    },
  };
  const operation = operationOn(input, { variants: () => [thrower] });
  const { by, fault } = await choose(gpu.device, operation, []);
  expect(by).toBe("theirs");
  expect(fault).toContain("no workgroups");
  expect(await floatsOf(gpu, input, 4)).toEqual(CONTENTS);
});
