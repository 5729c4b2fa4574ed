import { beforeEach, expect, test, vi } from "vitest";
import type { Graph } from "../../src/shared/models";
import type { LoadOptions, WorkerEvent } from "../../src/shared/protocol";
import type {
  Backend,
  BackendPlan,
  OnStep,
  GraphSource,
} from "../backends/backend";
import type { LoadedModel } from "./loaded-model";
import { Gpu } from "../ort/device";
import type { Tensors } from "../ort/tensor";
import { generate } from "../pipeline";
import { openOrtBackend } from "../backends/ort/open";
import {
  failsWith,
  loadOptions,
  microOfSize,
  options,
  testImage,
} from "../testing/harness";
import type { ModelConfig } from "../model-files/config";
import { loadModel } from "./load";
import type { Verification, VerificationResult } from "./verification-cache";

/** The WebGPU backend of these tests is the ORT backend. `open` is called before
 * it opens; `change` may alter it. */
const webgpu = vi.hoisted(() => ({
  open: vi.fn<(gpu: Gpu) => void>(),
  change: vi.fn<(backend: Backend) => void>(),
}));

/** The verification cache; without a key, nothing is cached. */
const cache = vi.hoisted(() => ({
  key: undefined as string | undefined,
  results: new Map<string, VerificationResult>(),
}));

vi.mock("./verification-cache", () => ({
  findVerification: (): Promise<Verification> => {
    const { key, results } = cache;
    return Promise.resolve({
      key,
      result: key === undefined ? undefined : results.get(key),
      isPromising: false,
      set: (result) => {
        if (key !== undefined) results.set(key, result);
        return Promise.resolve();
      },
    });
  },
}));

vi.mock("../backends/webgpu/open", () => ({
  planWebGpuBackend: (
    graphs: Readonly<Record<Graph, GraphSource>>,
    config: ModelConfig,
  ): BackendPlan => {
    const open = async (tensors: Tensors, onStep: OnStep): Promise<Backend> => {
      if (tensors.gpu === undefined) throw new Error("no GPU");
      webgpu.open(tensors.gpu);
      const backend = await openOrtBackend(graphs, tensors, config, onStep);
      webgpu.change(backend);
      return backend;
    };
    return { open };
  },
}));

const never = new AbortController().signal;
const closing = vi.spyOn(Gpu.prototype, "close");
const opening = vi.spyOn(GPUAdapter.prototype, "requestDevice");

beforeEach(() => {
  webgpu.open.mockReset();
  webgpu.change.mockReset();
  vi.clearAllMocks();
  cache.key = undefined;
});

const SIZE = 64;
/** Under which the first test stores the reference's tokens. */
const KEY = crypto.randomUUID();

async function load(
  signal = never,
  emit: (event: WorkerEvent) => void = () => undefined,
): Promise<LoadedModel> {
  const model = await microOfSize(SIZE);
  const device = "webgpu";
  const asked: LoadOptions = { ...loadOptions, model, device, backend: "auto" };
  return loadModel(asked, signal, emit);
}

/** Its answer about an image. Releases it. */
async function answer(model: LoadedModel): Promise<readonly number[]> {
  const frame = await testImage();
  const said = await generate(
    model,
    [frame],
    { ...options, size: SIZE },
    never,
    () => undefined,
  );
  await model.release();
  return said.tokenIds;
}

test("opens the WebGPU backend after the reference is freed", async () => {
  cache.key = KEY;
  webgpu.open.mockImplementation((gpu) => {
    const reference = closing.mock.contexts.at(-1) as Gpu | undefined;
    expect(reference?.bytes.now, "bytes of the reference").toBe(0);
    expect(reference).not.toBe(gpu);
  });
  const loaded = await load();
  expect(loaded.info).toMatchObject({ backend: "webgpu" });
  expect(loaded.info).not.toHaveProperty("backendReason");
  expect(loaded.info.memory.gpu).toBeGreaterThan(0);
  expect(webgpu.open).toHaveBeenCalledTimes(1);
  expect(await answer(loaded)).toHaveLength(12);
});

test("opens the ORT backend when the WebGPU backend gives another answer", async () => {
  webgpu.change.mockImplementation(({ language }) => {
    const begin = language.begin.bind(language);
    language.begin = async (...request) => {
      const generation = await begin(...request);
      const next = generation.next.bind(generation);
      generation.next = async (limit) => {
        const ids = await next(limit);
        return ids.map((id) => (id + 1) % 256);
      };
      return generation;
    };
  });
  const loaded = await load();
  expect(loaded.info.backend).toBe("ort");
  expect(loaded.info.backendReason).toMatch(
    /answer differs from the reference/,
  );
  expect(await answer(loaded)).toHaveLength(12);
});

test("replaces a device that the WebGPU backend loses", async () => {
  cache.key = KEY;
  webgpu.open.mockImplementationOnce(({ device }) => device.destroy());
  const loaded = await load();
  expect(loaded.info.backend).toBe("ort");
  expect(loaded.info.backendReason).toMatch(/lost/);
  expect(await answer(loaded)).toHaveLength(12);
});

test.each([
  ["opens", "preparing"],
  ["is verified", "warming"],
] as const)(
  "an abort while the WebGPU backend %s closes all devices",
  async (_, phase) => {
    cache.key = KEY;
    const controller = new AbortController();
    const loading = load(controller.signal, (event) => {
      const begun = webgpu.open.mock.calls.length > 0;
      if (!begun || event.type !== "progress") return;
      if (event.phase === phase) controller.abort();
    });
    await expect(loading).rejects.toEqual(failsWith("aborted"));
    expect(webgpu.open).toHaveBeenCalledTimes(1);
    const { calls } = opening.mock;
    expect(closing).toHaveBeenCalledTimes(calls.length);
  },
);
