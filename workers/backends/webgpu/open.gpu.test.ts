import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Graph } from "../../../src/shared/models";
import { UnsupportedGraph } from "./graphs/weight";
import type { GraphSource } from "../backend";
import type { Gpu } from "../../ort/device";
import { loadOrt } from "../../ort/runtime";
import { Memory } from "../../ort/tensor";
import { openSource, type Source } from "../../testing/fast";
import { micro } from "../../testing/harness";
import { testGpu } from "../../testing/on-gpu";
import type { WebGpuLanguage } from "./language";
import { planWebGpuBackend } from "./open";

/** Called when a language is made. */
const making = vi.hoisted(() => vi.fn<() => void>());

vi.mock("./language", async (original) => {
  const { FastLanguage: Real } = await original<{
    FastLanguage: typeof WebGpuLanguage;
  }>();
  return {
    FastLanguage: class extends Real {
      constructor(...args: ConstructorParameters<typeof WebGpuLanguage>) {
        making();
        super(...args);
      }
    },
  };
});

let gpu: Gpu;
let source: Source;
let graphs: ReadonlyMap<Graph, GraphSource>;

beforeEach(async () => {
  gpu = await testGpu();
  source = await openSource(micro);
  graphs = new Map(Object.entries(source.graphs) as [Graph, GraphSource][]);
  making.mockReset();
});

afterEach(() => {
  gpu.close();
});

const plan = (on: Gpu = gpu) => planWebGpuBackend(graphs, source.config, on);

/** One whose buffers take so many bytes. */
function smallGpu(most: number): Gpu {
  const limits = { maxBufferSize: most, maxStorageBufferBindingSize: 2 ** 30 };
  return { name: "a small one", device: { limits } } as unknown as Gpu;
}

test("weights that are too large for a buffer are found before anything is loaded", async () => {
  const uploads = vi.spyOn(gpu.device, "createBuffer");
  const path = await (
    await plan()
  ).open(new Memory(await loadOrt(), gpu), () => undefined);
  const sizes = uploads.mock.calls.map(([{ size }]) => size);
  await path.encoder.release();
  await path.language.release();
  const largest = Math.max(...sizes);
  await expect(plan(smallGpu(largest))).resolves.toBeDefined();
  // The sizes of buffers are rounded up.
  const told = plan(smallGpu(largest - 16));
  await expect(told).rejects.toBeInstanceOf(UnsupportedGraph);
  await expect(told).rejects.toThrow(/bytes, and a small one takes/);
});

test("wherever it fails, nothing is left on the GPU", async () => {
  const memory = new Memory(await loadOrt(), gpu);
  const planned = await plan();
  const open = (next: () => void) => planned.open(memory, next);
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
  making.mockImplementation(fail);
  await expect(open(() => undefined)).rejects.toBe(failure);
  expect(gpu.bytes.now).toBe(0);
});
