import { beforeEach, expect, test, vi } from "vitest";
import { VlmError, type ErrorCode } from "../../src/shared/errors";
import type { LoadOptions, ModelInfo } from "../../src/shared/protocol";
import { loadModel, prepareModel } from "./load";
import { makePlan, type LoadPlan } from "./load-plan";
import type { LoadedModel } from "./loaded-model";
import { readMetadata, type ModelMetadata } from "./model-metadata";
import { openModel } from "./open-model";

vi.mock("./load-plan");
vi.mock("./model-metadata");
vi.mock("./open-model");

const failure = (code: ErrorCode) => new VlmError(code, "It failed.", "");
const { signal } = new AbortController();
const release = vi.fn();

beforeEach(() => {
  vi.resetAllMocks();
  const folder = { release } as unknown as ModelMetadata["folder"];
  vi.mocked(readMetadata).mockResolvedValue({ folder } as ModelMetadata);
  vi.mocked(makePlan).mockImplementation(({ options }, _, __, reasons) => {
    const device = options.device === "wasm" ? "wasm" : "webgpu";
    const plan = { hardware: { device }, info: { device, ...reasons } };
    return Promise.resolve(plan as unknown as LoadPlan);
  });
  vi.mocked(openModel).mockImplementation((_, plan) =>
    Promise.resolve({ kind: "opened", model: opened(plan.info) }),
  );
});

const opened = (info: ModelInfo) =>
  ({ info, measureMemory: () => undefined }) as unknown as LoadedModel;

const optionsOf = (device: LoadOptions["device"]) =>
  ({ device, dtype: "auto" }) as unknown as LoadOptions;

const load = (device: LoadOptions["device"] = "auto", at = signal) =>
  loadModel(optionsOf(device), at, () => undefined);

const reason =
  "The GPU failed while the model was loading, so the model runs on the CPU: It failed.";

test.each<ErrorCode>(["out-of-memory", "unsupported", "device-lost"])(
  "runs on WASM after %s on the GPU",
  async (code) => {
    vi.mocked(openModel).mockRejectedValueOnce(failure(code));
    const { info } = await load();
    expect(info).toMatchObject({ device: "wasm", deviceReason: reason });
    expect(release).not.toHaveBeenCalled();
  },
);

test("runs on WASM if the plan for the GPU fails", async () => {
  vi.mocked(makePlan).mockRejectedValueOnce(failure("unsupported"));
  const { info } = await load();
  expect(info).toMatchObject({ device: "wasm", deviceReason: reason });
});

test("tries WASM once", async () => {
  vi.mocked(openModel).mockRejectedValue(failure("out-of-memory"));
  await expect(load()).rejects.toMatchObject({ code: "out-of-memory" });
  expect(openModel).toHaveBeenCalledTimes(2);
  expect(release).toHaveBeenCalledTimes(1);
});

test("rejects with the GPU's error if WASM is no alternative", async () => {
  const error = failure("unsupported");
  vi.mocked(makePlan).mockRejectedValueOnce(error);
  vi.mocked(makePlan).mockRejectedValueOnce(failure("model-file-missing"));
  await expect(load()).rejects.toBe(error);
});

test.each<[LoadOptions["device"], ErrorCode]>([
  ["webgpu", "out-of-memory"],
  ["wasm", "out-of-memory"],
  ["auto", "download-failed"],
  ["auto", "model-corrupt"],
])("tries no other device: %s, %s", async (device, code) => {
  vi.mocked(openModel).mockRejectedValue(failure(code));
  await expect(load(device)).rejects.toMatchObject({ code });
  expect(openModel).toHaveBeenCalledTimes(1);
});

test("tries nothing after an abort", async () => {
  const stop = new AbortController();
  vi.mocked(openModel).mockImplementation(() => {
    stop.abort();
    return Promise.reject(failure("device-lost"));
  });
  await expect(load("auto", stop.signal)).rejects.toThrow("It failed.");
  expect(openModel).toHaveBeenCalledTimes(1);
});

test("lets the caller free memory before it tries WASM", async () => {
  vi.mocked(openModel).mockRejectedValue(failure("out-of-memory"));
  const prepared = await prepareModel(
    optionsOf("auto"),
    signal,
    () => undefined,
  );
  await expect(prepared.open({ canFreeMemory: true })).rejects.toMatchObject({
    code: "out-of-memory",
  });
  expect(openModel).toHaveBeenCalledTimes(1);
});
