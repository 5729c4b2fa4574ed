import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  test,
  vi,
} from "vitest";
import type { Encoder } from "../backend";
import type { Gpu } from "../../ort/device";
import { Tensors, type Tensor } from "../../ort/tensor";
import {
  openWebGpuEncoder,
  openSource,
  type ModelGraphs,
} from "../../testing/open-backends";
import {
  createPixels,
  expectSameFeatures,
} from "../../testing/compare-encoders";
import { failsWith, micro, other } from "../../testing/harness";
import { Stopped } from "../../util/scheduler";
import { floatsOf, testGpu } from "../../testing/on-gpu";
import { Pace } from "./replay";

let gpu: Gpu;
let tensors: Tensors;

beforeAll(async () => {
  gpu = await testGpu();
  tensors = new Tensors(gpu);
});

afterAll(() => {
  gpu.close();
});

function valuesOf({ gpuBuffer, size }: Tensor): Promise<Float32Array> {
  return floatsOf(gpu, gpuBuffer, size);
}

// encoder.long.gpu.test.ts has nano's.
test.each([
  ["micro", micro, [64, 256, 64]],
  ["other", other, [64, 128]],
] as const)("gives the features of the ORT backend: %s", (_, url, sizes) =>
  expectSameFeatures(tensors, url, sizes),
);

describe("micro", () => {
  let source: ModelGraphs;
  let encoder: Encoder;

  beforeAll(async () => {
    source = await openSource(micro);
    encoder = await openWebGpuEncoder(source, tensors);
  });

  afterAll(() => encoder.release());

  test("stops between two submits and frees the features", async () => {
    const { onGpu } = createPixels(tensors, 128, 1);
    const whole = await encoder.encode(onGpu);
    const wanted = await valuesOf(whole);
    const before = gpu.bytes.now - whole.gpuBuffer.size;
    whole.dispose();
    const stop = new AbortController();
    const slow = vi.spyOn(Pace.prototype, "msPerDispatch", "get");
    slow.mockReturnValue(1000);
    const { queue } = gpu.device;
    const submitted = queue.submit.bind(queue);
    const submit = vi.spyOn(queue, "submit").mockImplementation((buffers) => {
      submitted(buffers);
      if (submit.mock.calls.length === 3) stop.abort();
    });
    const encoded = encoder.encode(onGpu, stop.signal);
    await expect(encoded).rejects.toBeInstanceOf(Stopped);
    expect(submit).toHaveBeenCalledTimes(3);
    vi.restoreAllMocks();
    expect(gpu.bytes.now).toBe(before);
    const again = await encoder.encode(onGpu);
    expect(await valuesOf(again)).toEqual(wanted);
    again.dispose();
    onGpu.dispose();
  });

  test("releases the graphs of the oldest input sizes", async () => {
    const bytes: number[] = [];
    for (let round = 0; round < 2; round++) {
      for (const size of [64, 128, 192]) {
        const { onGpu } = createPixels(tensors, size, 1);
        (await encoder.encode(onGpu)).dispose();
        onGpu.dispose();
        await tensors.settle();
      }
      bytes.push(gpu.bytes.now);
    }
    expect(bytes[1]).toBe(bytes[0]);
  });

  describe("a GPU error", () => {
    const fault = failsWith("internal", "WebGPU");
    let device: GPUDevice;
    let fresh: Encoder;
    let onGpu: Tensor;
    let wanted: Float32Array;

    beforeAll(async () => {
      ({ device } = gpu);
      ({ onGpu } = createPixels(tensors, 128, 3));
      wanted = await valuesOf(await encoder.encode(onGpu));
    });

    beforeEach(async () => {
      fresh = await openWebGpuEncoder(source, tensors);
    });

    afterEach(async () => {
      vi.restoreAllMocks();
      expect(await valuesOf(await fresh.encode(onGpu))).toEqual(wanted);
      await fresh.release();
    });

    test("does not spoil later recordings", async () => {
      const createBuffer = vi.spyOn(device, "createBuffer");
      await fresh.encode(onGpu);
      const { calls, results } = createBuffer.mock;
      const at = calls.findIndex(([{ label }]) => label === "features");
      (results[at]?.value as GPUBuffer).destroy();
      await fresh.encode(onGpu);
      await expect(tensors.settle()).rejects.toEqual(fault);
    });

    test("during the kernel overrides fails the recording", async () => {
      const create = device.createBindGroup.bind(device);
      const spy = vi.spyOn(device, "createBindGroup");
      spy.mockImplementation((descriptor) => {
        const { label = "" } = descriptor;
        const ours = label !== "";
        return create(ours ? { ...descriptor, entries: [] } : descriptor);
      });
      await expect(fresh.encode(onGpu)).rejects.toEqual(fault);
    });
  });
});
