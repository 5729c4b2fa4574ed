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
import { maxAbsDifference } from "../../kernels/testing/run-variant";
import type { Gpu } from "../../ort/device";
import { Tensors, type Tensor } from "../../ort/tensor";
import {
  openWebGpuEncoder,
  openSource,
  openOrtEncoder,
  type ModelGraphs,
} from "../../testing/open-backends";
import { failsWith, micro, other } from "../../testing/harness";
import { at } from "../../util/assert";
import { Stopped } from "../../util/scheduler";
import { bufferOf, floatsOf, testGpu } from "../../testing/on-gpu";
import { Pace } from "./replay";
import { seededRandom } from "../../kernels/testing/random";

const nano = new URL("/models/nano/", location.href).href;

let gpu: Gpu;
let tensors: Tensors;

beforeAll(async () => {
  gpu = await testGpu();
  tensors = new Tensors(gpu);
});

afterAll(() => {
  gpu.close();
});

async function createPixels(size: number, seed: number) {
  const dims = [1, 3, size, size];
  const data = Float32Array.from(
    { length: 3 * size * size },
    seededRandom(seed),
  );
  const onCpu = tensors.floats(data, dims);
  const buffer = bufferOf(gpu, data);
  return { onCpu, onGpu: tensors.ofBuffer(buffer, "float32", dims) };
}

function valuesOf({ gpuBuffer, size }: Tensor): Promise<Float32Array> {
  return floatsOf(gpu, gpuBuffer, size);
}

test.each([
  ["micro", micro, [64, 256, 64]],
  ["other", other, [64, 128]],
  ["nano", nano, [64]],
] as const)(
  "gives the features of the ORT backend: %s",
  async (_, url, sizes) => {
    const source = await openSource(url);
    const reference = await openOrtEncoder(source);
    const encoder = await openWebGpuEncoder(source, tensors);
    for (const size of sizes) {
      // Two at a time: the second must not overwrite the first.
      const pair = [
        await createPixels(size, size),
        await createPixels(size, size + 1),
      ];
      const encoded: Tensor[] = [];
      for (const { onGpu } of pair) encoded.push(await encoder.encode(onGpu));
      for (const [i, { onCpu, onGpu }] of pair.entries()) {
        const expected = await reference.encode(onCpu);
        const features = at(encoded, i);
        expect(features.dims).toEqual(expected.dims);
        const wanted = expected.data as Float32Array;
        const values = await valuesOf(features);
        const largest = wanted.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
        expect(maxAbsDifference(values, wanted) / largest).toBeLessThan(1e-4);
        for (const one of [features, onGpu, expected]) one.dispose();
      }
    }
    await encoder.release();
    await reference.release();
  },
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
    const { onGpu } = await createPixels(128, 1);
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
        const { onGpu } = await createPixels(size, 1);
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
      ({ onGpu } = await createPixels(128, 3));
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
        const ours = label !== "" && label !== "weight layout";
        return create(ours ? { ...descriptor, entries: [] } : descriptor);
      });
      await expect(fresh.encode(onGpu)).rejects.toEqual(fault);
    });
  });
});
