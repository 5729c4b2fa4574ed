import { beforeEach, expect, test, vi } from "vitest";
import type { Graph } from "../../src/shared/models";
import type { BackendChoice } from "../../src/shared/protocol";
import { VlmError } from "../../src/shared/errors";
import { openOrtBackend } from "../backends/ort/open";
import { UnsupportedGraph } from "../backends/backend";
import { planWebGpuBackend } from "../backends/webgpu/open";
import {
  trialRecordOf,
  type TrialRecord,
} from "../backends/webgpu/overrides/trial-record";
import { reopenGpu } from "../ort/adapter";
import type { Gpu } from "../ort/device";
import type { LoadJob, LoadPlan } from "./load-plan";
import { openModel } from "./open-model";
import { answerTestImage, verify } from "./verification";
import {
  verificationCache,
  verificationKey,
  type VerificationResult,
} from "./verification-cache";
import { warmUp } from "./warm-up";

vi.mock("../backends/ort/open");
vi.mock("../backends/webgpu/open");
vi.mock("../backends/webgpu/overrides/trial-record");
vi.mock("../ort/adapter");
vi.mock("../ort/runtime");
vi.mock("../ort/tensor");
vi.mock("./verification");
vi.mock("./verification-cache");
vi.mock("./warm-up");
vi.mock("./loaded-model", () => ({
  LoadedModel: class {
    readonly info: unknown;
    constructor(_: unknown, { info }: LoadPlan) {
      this.info = info;
    }
    free() {
      events.push("free");
      return Promise.resolve();
    }
  },
}));

/** Backends and devices in the order in which they open. */
let events: string[];
let answers: { ort: string; webgpu: string };
let cache: Map<string, VerificationResult>;
let openWebGpu: () => Promise<never>;

const gpuNumber = (number: number) =>
  ({
    device: { number },
    explain: () => Promise.resolve(undefined),
    close: () => events.push("close"),
  }) as unknown as Gpu;
const tokens = (text: string) => [...text].map((c) => c.charCodeAt(0));

beforeEach(() => {
  vi.clearAllMocks();
  events = [];
  answers = { ort: "abc", webgpu: "abc" };
  cache = new Map();
  let devices = 1;
  const opens = (name: string) => () => {
    events.push(name);
    return Promise.resolve({} as never);
  };
  openWebGpu = opens("webgpu");
  vi.mocked(openOrtBackend).mockImplementation(opens("ort"));
  const plan = { open: () => openWebGpu() };
  vi.mocked(planWebGpuBackend).mockResolvedValue(plan);
  vi.mocked(reopenGpu).mockImplementation(() => {
    events.push("device");
    return Promise.resolve(gpuNumber(++devices));
  });
  vi.mocked(verificationKey).mockResolvedValue("key");
  vi.spyOn(verificationCache, "get").mockImplementation((key) =>
    Promise.resolve(cache.get(key)),
  );
  vi.spyOn(verificationCache, "set").mockImplementation((key, result) => {
    cache.set(key, result);
    return Promise.resolve();
  });
  vi.mocked(trialRecordOf).mockReturnValue(undefined);
  vi.mocked(warmUp).mockResolvedValue(undefined);
  vi.mocked(answerTestImage).mockImplementation(() =>
    Promise.resolve(tokens(answers.ort)),
  );
  vi.mocked(verify).mockImplementation((_, expected) => {
    const same = expected.join() === tokens(answers.webgpu).join();
    return Promise.resolve(same ? undefined : "The answers differ.");
  });
});

const { signal } = new AbortController();

function open(choice: BackendChoice = "auto", hasGpu = true) {
  const gpu = hasGpu ? gpuNumber(1) : undefined;
  const emit = () => undefined;
  const job = {
    options: { backend: choice },
    signal,
    emit,
  } as unknown as LoadJob;
  const hardware = { software: true };
  const config = { size: 256 };
  const info = { backend: "ort" };
  const graphs = { vision_encoder: { graph: { inputs: [] } } };
  const plan = { info, gpu, hardware, config, graphs } as unknown as LoadPlan;
  return openModel(job, plan);
}

/** Backend and reason of the model that opens. */
async function outcome(opening = open()) {
  const opened = await opening;
  if ("overflowing" in opened) throw new Error(opened.overflowing);
  const { backend, backendReason } = opened.model.info;
  return [backend, backendReason];
}

test("opens only the ORT backend on request", async () => {
  expect(await outcome(open("ort"))).toEqual(["ort", undefined]);
  expect(events).toEqual(["ort"]);
  expect(planWebGpuBackend).not.toHaveBeenCalled();
});

test("opens the ORT backend without WebGPU", async () => {
  vi.mocked(planWebGpuBackend).mockRejectedValue(new Error("unused"));
  const reason = "The WebGPU backend needs a WebGPU device.";
  expect(await outcome(open("auto", false))).toEqual(["ort", reason]);
});

test("rejects a WebGPU backend with another answer and caches the rejection", async () => {
  answers.webgpu = "abd";
  const rejected = ["ort", "The answers differ."];
  expect(await outcome()).toEqual(rejected);
  const once = ["webgpu", "free", "device", "ort"];
  expect(events).toEqual(["ort", "free", "device", ...once]);

  events = [];
  answers.webgpu = "abc";
  expect(await outcome()).toEqual(rejected);
  expect(events).toEqual(["ort"]);
});

test("caches the reference tokens, then opens only the WebGPU backend", async () => {
  expect(await outcome()).toEqual(["webgpu", undefined]);
  expect(events).toEqual(["ort", "free", "device", "webgpu"]);
  expect(cache.get("key")).toEqual({ tokens: tokens("abc") });
  events = [];
  expect(await outcome()).toEqual(["webgpu", undefined]);
  expect(events).toEqual(["webgpu"]);
});

test("compares again when the cached tokens do not match", async () => {
  cache.set("key", { tokens: tokens("xyz") });
  expect(await outcome()).toEqual(["webgpu", undefined]);
  const again = ["ort", "free", "device", "webgpu"];
  expect(events).toEqual(["webgpu", "free", "device", ...again]);
  expect(cache.get("key")).toEqual({ tokens: tokens("abc") });
});

test("measures kernel choices of an earlier load again before rejecting", async () => {
  answers.webgpu = "abd";
  const record = {
    forget: () => {
      answers.webgpu = "abc";
      return Promise.resolve(true);
    },
  } as unknown as TrialRecord;
  vi.mocked(trialRecordOf).mockReturnValue(record);
  expect(await outcome()).toEqual(["webgpu", undefined]);
  const twice = ["webgpu", "free", "device", "webgpu"];
  expect(events).toEqual(["ort", "free", "device", ...twice]);
  expect(trialRecordOf).toHaveBeenCalledWith({ number: 2 });
  expect(cache.get("key")).toEqual({ tokens: tokens("abc") });
});

test("keeps the cached tokens and compares nothing after a failure", async () => {
  const cached = { tokens: tokens("abc") };
  cache.set("key", cached);
  openWebGpu = () => Promise.reject(new Error("the device was lost"));
  const [backend, reason] = await outcome();
  expect(backend).toBe("ort");
  expect(reason).toMatch(/the device was lost/);
  expect(events).toEqual(["close", "device", "ort"]);
  expect(cache.get("key")).toBe(cached);
});

test("caches nothing without hashes of the files", async () => {
  vi.mocked(verificationKey).mockResolvedValue(undefined);
  await open();
  await open();
  expect(events.filter((event) => event === "ort")).toHaveLength(2);
  expect(cache.size).toBe(0);
});

test("opens the ORT backend for an unsupported graph", async () => {
  const unsupported = new UnsupportedGraph("the attention is odd");
  vi.mocked(planWebGpuBackend).mockRejectedValue(unsupported);
  const reason =
    "The WebGPU backend cannot run this model: the attention is odd";
  expect(await outcome()).toEqual(["ort", reason]);
  expect(events).toEqual(["ort"]);
});

test("tries the WebGPU backend again in the load after a failure", async () => {
  const failing = vi.fn(() => Promise.reject<never>(new Error("device lost")));
  openWebGpu = failing;
  for (const time of [1, 2]) {
    const [backend, reason] = await outcome();
    expect(backend).toBe("ort");
    expect(reason).toBe("The WebGPU backend failed: device lost");
    expect(failing).toHaveBeenCalledTimes(time);
  }
  // The ORT backend answered about the test image once.
  expect(cache.get("key")).toEqual({ tokens: tokens("abc") });
});

test.each([
  new VlmError("unsupported", "The graph cannot be recorded.", ""),
  new UnsupportedGraph("it cannot be recorded"),
])("caches a permanent rejection: %o", async (failure) => {
  const failing = vi.fn(() => Promise.reject<never>(failure));
  openWebGpu = failing;
  for (let time = 0; time < 2; time++) {
    const [backend, reason] = await outcome();
    expect(backend).toBe("ort");
    expect(reason).toMatch(/cannot be recorded/);
    expect(failing).toHaveBeenCalledTimes(1);
  }
});

test("returns the graph that overflows before it opens another backend", async () => {
  const graph: Graph = "vision_encoder";
  vi.mocked(warmUp).mockResolvedValue(graph);
  expect(await open()).toEqual({ overflowing: graph });
  expect(events).toEqual(["ort", "free"]);
});
