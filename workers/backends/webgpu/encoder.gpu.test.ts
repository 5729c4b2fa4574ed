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
import { loadOrt } from "../../ort/runtime";
import { Memory, type Tensor } from "../../ort/tensor";
import {
  fastEncoder,
  noise,
  openSource,
  plainEncoder,
  type Source,
} from "../../testing/fast";
import { failsWith, micro, other } from "../../testing/harness";
import { Stopped } from "../../util/scheduler";
import { bufferOf, floatsOf, testGpu } from "../../testing/on-gpu";
import { Pace } from "./replay";

const nano = new URL("/models/nano/", location.href).href;

describe.each([
  ["micro", micro, [64, 256, 128, 64]],
  ["other", other, [128, 192, 128]],
  ["nano", nano, [128, 192]],
] as const)("%s", (_, url, sides) => {
  let memory: Memory;
  let source: Source;
  let plain: Encoder;
  let fast: Encoder;

  beforeAll(async () => {
    memory = new Memory(await loadOrt(), await testGpu());
    source = await openSource(url);
    plain = await plainEncoder(source);
    fast = await fastEncoder(source, memory);
  });

  afterAll(async () => {
    await fast.release();
    await plain.release();
    memory.gpu?.close();
  });

  async function pixels(side: number, seed: number) {
    const { Tensor } = await loadOrt();
    const random = noise(seed);
    const dims = [1, 3, side, side];
    const data = Float32Array.from({ length: 3 * side * side }, random);
    const onCpu = new Tensor("float32", data, dims);
    if (memory.gpu === undefined) throw new Error("no GPU");
    const buffer = bufferOf(memory.gpu, data);
    return { onCpu, onGpu: memory.ofBuffer(buffer, "float32", dims) };
  }

  async function numbers({ gpuBuffer, size }: Tensor): Promise<Float32Array> {
    if (memory.gpu === undefined) throw new Error("no GPU");
    return floatsOf(memory.gpu, gpuBuffer, size);
  }

  test(`features at ${sides.join(", ")} pixels`, async () => {
    // Two at a time: the later must not write over the earlier.
    for (const side of sides) {
      const pair = [await pixels(side, side), await pixels(side, side + 1)];
      const got: Tensor[] = [];
      for (const { onGpu } of pair) got.push(await fast.encode(onGpu));
      for (const [i, { onCpu, onGpu }] of pair.entries()) {
        const features = await plain.encode(onCpu);
        const wanted = features.data as Float32Array;
        const ours = got[i];
        if (ours === undefined) throw new Error("no features");
        expect(ours.dims).toEqual(features.dims);
        const values = await numbers(ours);
        const largest = wanted.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
        const error = wanted.reduce(
          (most, value, at) =>
            Math.max(most, Math.abs(value - (values[at] ?? NaN))),
          0,
        );
        expect(error / largest).toBeLessThan(1e-4);
        for (const one of [ours, onGpu, features]) one.dispose();
      }
    }
  });

  test("a stop ends it between two submits, and nothing is left", async () => {
    const { gpu } = memory;
    if (gpu === undefined) throw new Error("no GPU");
    const { onGpu } = await pixels(128, 1);
    const whole = await fast.encode(onGpu);
    const wanted = await numbers(whole);
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
    const encoded = fast.encode(onGpu, stop.signal);
    await expect(encoded).rejects.toBeInstanceOf(Stopped);
    expect(submit).toHaveBeenCalledTimes(3);
    vi.restoreAllMocks();
    expect(gpu.bytes.now).toBe(before);
    const again = await fast.encode(onGpu);
    expect(await numbers(again)).toEqual(wanted);
    again.dispose();
    onGpu.dispose();
  });

  test("sides that are not used any more give their memory back", async () => {
    const { bytes } = memory.gpu ?? {};
    const sizes: (number | undefined)[] = [];
    for (let round = 0; round < 2; round++) {
      for (const side of [64, 128, 192]) {
        const { onGpu } = await pixels(side, 1);
        (await fast.encode(onGpu)).dispose();
        onGpu.dispose();
        await memory.settle();
      }
      sizes.push(bytes?.now);
    }
    expect(sizes[1]).toBe(sizes[0]);
  });

  describe("a fault on the GPU", () => {
    const fault = failsWith("internal", "WebGPU");
    let device: GPUDevice;
    let fresh: Encoder;
    let onGpu: Tensor;
    let wanted: Float32Array;

    beforeAll(async () => {
      if (memory.gpu === undefined) throw new Error("no GPU");
      ({ device } = memory.gpu);
      ({ onGpu } = await pixels(128, 3));
      wanted = await numbers(await fast.encode(onGpu));
    });

    beforeEach(async () => {
      fresh = await fastEncoder(source, memory);
    });

    afterEach(async () => {
      vi.restoreAllMocks();
      expect(await numbers(await fresh.encode(onGpu))).toEqual(wanted);
      await fresh.release();
    });

    test("spoils no side for good", async () => {
      const createBuffer = vi.spyOn(device, "createBuffer");
      await fresh.encode(onGpu);
      const { calls, results } = createBuffer.mock;
      const at = calls.findIndex(([{ label }]) => label === "features");
      (results[at]?.value as GPUBuffer).destroy();
      await fresh.encode(onGpu);
      await expect(memory.settle()).rejects.toEqual(fault);
    });

    test("while kernels of ours are put in fails the capture", async () => {
      const create = device.createBindGroup.bind(device);
      const spy = vi.spyOn(device, "createBindGroup");
      spy.mockImplementation((descriptor) => {
        const { label = "" } = descriptor;
        const ours = label !== "" && label !== "folded";
        return create(ours ? { ...descriptor, entries: [] } : descriptor);
      });
      await expect(fresh.encode(onGpu)).rejects.toEqual(fault);
    });
  });
});
