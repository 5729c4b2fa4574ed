import { beforeEach, expect, test, vi } from "vitest";
import type { LoadOptions, WorkerEvent } from "../../src/shared/protocol";
import type { WebGpuPlan } from "../backends/webgpu/open";
import type { LoadedModel } from "./model";
import type { Backend, GraphSource } from "../backends/backend";
import { Gpu } from "../ort/device";
import type { Memory } from "../ort/tensor";
import { describe as answer } from "../pipeline";
import { openOrtBackend } from "../backends/ort/open";
import { failsWith, loadOptions, options, picture } from "../testing/harness";
import type { ModelConfig } from "../model-files/config";
import { loadModel } from "./load";

/** What is done with a fast path, whatever it is: here, the plain one again. */
const fast = vi.hoisted(() => ({
  plan: vi.fn<() => void>(),
  open: vi.fn<(gpu: Gpu) => void>(),
}));

vi.mock("../backends/webgpu/open", () => ({
  planFast: (
    graphs: ReadonlyMap<never, GraphSource>,
    config: ModelConfig,
  ): WebGpuPlan => {
    fast.plan();
    const open = async (memory: Memory, next: () => void): Promise<Backend> => {
      if (memory.gpu === undefined) throw new Error("no GPU");
      fast.open(memory.gpu);
      return openOrtBackend(graphs, memory, config, next);
    };
    return { open };
  },
}));

const never = new AbortController().signal;
const closing = vi.spyOn(Gpu.prototype, "close");
const opening = vi.spyOn(GPUAdapter.prototype, "requestDevice");

beforeEach(() => {
  fast.plan.mockReset();
  fast.open.mockReset();
  vi.clearAllMocks();
});

const load = (
  changes: Partial<LoadOptions> = {},
  signal = never,
  emit: (event: WorkerEvent) => void = () => undefined,
): Promise<LoadedModel> => {
  const device = "webgpu" as const;
  const asked = { ...loadOptions, device, path: "auto" } as const;
  return loadModel({ ...asked, ...changes }, signal, emit);
};

/** What it says of a picture, after which it is released. */
async function lastWords(model: LoadedModel): Promise<readonly number[]> {
  const frame = await picture();
  const said = await answer(model, [frame], options, never, () => undefined);
  await model.release();
  return said.tokenIds;
}

test("a fast path that agrees is taken, when the plain one is gone", async () => {
  fast.open.mockImplementation((gpu) => {
    const plain = closing.mock.contexts.at(-1) as Gpu | undefined;
    expect(plain?.bytes.now, "the plain path's bytes").toBe(0);
    expect(plain).not.toBe(gpu);
  });
  const loaded = await load();
  expect(loaded.info).toMatchObject({ backend: "webgpu" });
  expect(loaded.info).not.toHaveProperty("backendReason");
  expect(loaded.info.memory.gpu).toBeGreaterThan(0);
  expect(fast.open).toHaveBeenCalledTimes(1);
  expect(await lastWords(loaded)).toHaveLength(12);
});

test("a device that the fast path loses is replaced", async () => {
  fast.open.mockImplementationOnce(({ device }) => device.destroy());
  const loaded = await load();
  expect(loaded.info.backend).toBe("ort");
  expect(loaded.info.backendReason).toMatch(/lost/);
  expect(await lastWords(loaded)).toHaveLength(12);
});

test.each([
  ["is being made", "preparing"],
  ["answers", "warming"],
] as const)(
  "an abort while the fast path %s leaves no device behind",
  async (_, phase) => {
    const controller = new AbortController();
    const loading = load({}, controller.signal, (event) => {
      const begun = fast.open.mock.calls.length > 0;
      if (!begun || event.type !== "progress") return;
      if (event.phase === phase) controller.abort();
    });
    await expect(loading).rejects.toEqual(failsWith("aborted"));
    expect(fast.open).toHaveBeenCalledTimes(1);
    const { calls } = opening.mock;
    expect(closing).toHaveBeenCalledTimes(calls.length);
  },
);
