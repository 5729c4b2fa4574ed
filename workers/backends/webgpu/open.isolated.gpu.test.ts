import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { UnsupportedGraph } from "../backend";
import type { Gpu } from "../../ort/device";
import { Tensors } from "../../ort/tensor";
import { openSource, type ModelGraphs } from "../../testing/open-backends";
import { micro } from "../../testing/harness";
import { testGpu } from "../../testing/on-gpu";
import type { WebGpuLanguage } from "./language";
import { planWebGpuBackend } from "./open";

/** Called by the constructor of WebGpuLanguage. */
const constructed = vi.hoisted(() => vi.fn<() => void>());

vi.mock("./language", async (original) => {
  const { WebGpuLanguage: Real } = await original<{
    WebGpuLanguage: typeof WebGpuLanguage;
  }>();
  return {
    WebGpuLanguage: class extends Real {
      constructor(...args: ConstructorParameters<typeof WebGpuLanguage>) {
        constructed();
        super(...args);
      }
    },
  };
});

let gpu: Gpu;
let source: ModelGraphs;

beforeEach(async () => {
  gpu = await testGpu();
  source = await openSource(micro);
  constructed.mockReset();
});

afterEach(() => {
  gpu.close();
});

const plan = (on: Gpu = gpu) =>
  planWebGpuBackend(source.graphs, source.config, on);

/** A GPU with buffers of at most `most` bytes. */
function smallGpu(most: number): Gpu {
  const limits = { maxBufferSize: most, maxStorageBufferBindingSize: 2 ** 30 };
  return { name: "small GPU", device: { limits } } as unknown as Gpu;
}

test("splits weights that are larger than a buffer, or rejects them before it loads anything", async () => {
  const uploads = vi.spyOn(gpu.device, "createBuffer");
  const path = await (await plan()).open(new Tensors(gpu), () => undefined);
  const sizes = uploads.mock.calls.map(([{ size }]) => size);
  await path.encoder.release();
  await path.language.release();
  const largest = Math.max(...sizes);
  await expect(plan(smallGpu(largest))).resolves.toBeDefined();
  // Buffer sizes are rounded up.
  await expect(plan(smallGpu(largest - 16))).resolves.toBeDefined();
  // Fewer than 64 columns of a matrix with 32 rows, which is not split further.
  const planned = plan(smallGpu(63 * 32 * 4));
  await expect(planned).rejects.toBeInstanceOf(UnsupportedGraph);
  await expect(planned).rejects.toThrow(
    /a storage buffer on small GPU holds at most/,
  );
});

test("leaves nothing on the GPU, whatever step fails", async () => {
  const tensors = new Tensors(gpu);
  const planned = await plan();
  const open = (next: () => void) => planned.open(tensors, next);
  let steps = 0;
  const path = await open(() => {
    steps += 1;
  });
  await path.encoder.release();
  await path.language.release();
  expect(gpu.bytes.now).toBe(0);
  const failure = new Error("no more");
  const fail = (): never => {
    throw failure;
  };
  for (let last = 1; last <= steps; last += Math.ceil(steps / 5)) {
    let step = 0;
    const next = (): void => {
      if (++step === last) fail();
    };
    await expect(open(next)).rejects.toBe(failure);
    expect(gpu.bytes.now, `step ${last} of ${steps}`).toBe(0);
  }
  constructed.mockImplementation(fail);
  await expect(open(() => undefined)).rejects.toBe(failure);
  expect(gpu.bytes.now).toBe(0);
});
