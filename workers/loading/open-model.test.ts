import { beforeEach, expect, test, vi } from "vitest";
import type { Graph } from "../../src/shared/models";
import type { BackendChoice } from "../../src/shared/protocol";
import { VlmError } from "../../src/shared/errors";
import { planWebGpuBackend, type WebGpuPlan } from "../backends/webgpu/open";
import {
  recordOf,
  type ChoiceRecord,
} from "../backends/webgpu/overrides/choice-record";
import { UnsupportedGraph } from "../backends/webgpu/graphs/weight";
import { LoadedModel } from "./model";
import { reopenGpu } from "../ort/adapter";
import type { Gpu } from "../ort/device";
import { openOrtBackend } from "../backends/ort/open";
import { tryBackend } from "./try-backend";
import { openModel } from "./open-model";
import type { LoadJob, LoadPlan } from "./plan";
import { answerTestImage } from "./verification";
import {
  verificationKey,
  verificationCache,
  type VerificationResult,
} from "./verification-cache";
import { overflows, warmUp } from "./warm-up";

vi.mock("../backends/webgpu/open");
const forget = vi.hoisted(() => vi.fn());
vi.mock("../backends/webgpu/overrides/choice-record");
vi.mock("./model", () => ({
  LoadedModel: class {
    forget = forget;
  },
}));
vi.mock("../ort/adapter");
vi.mock("../backends/ort/open");
vi.mock("./try-backend");
vi.mock("./verification", async (original) => ({
  ...(await original<object>()),
  answerTestImage: vi.fn(),
}));
vi.mock("./verification-cache");
vi.mock("./warm-up");

/** What was done with devices and paths, in order. */
let story: string[];
/** What each path says, without and with a draft. */
let words: Record<"ort" | "webgpu", readonly [string, string]>;
let records: Map<string, VerificationResult>;
let devices: number;

const gpu = (number: number) =>
  ({ number, device: { number } }) as unknown as Gpu;
const tokens = (text: string) => [...text].map((c) => c.charCodeAt(0));

beforeEach(() => {
  vi.clearAllMocks();
  story = [];
  words = { ort: ["abc", "abc"], webgpu: ["abc", "abc"] };
  records = new Map();
  devices = 1;
  vi.mocked(openOrtBackend).mockImplementation(() => {
    story.push("ort");
    return Promise.resolve({ kind: "ort" } as never);
  });
  const open: WebGpuPlan["open"] = () => {
    story.push("webgpu");
    return Promise.resolve({ kind: "webgpu" } as never);
  };
  vi.mocked(planWebGpuBackend).mockResolvedValue({ open });
  vi.mocked(reopenGpu).mockImplementation(() => {
    story.push("device");
    return Promise.resolve(gpu(++devices));
  });
  vi.mocked(verificationKey).mockResolvedValue("key");
  vi.spyOn(verificationCache, "recall").mockImplementation((key) =>
    Promise.resolve(records.get(key)),
  );
  vi.spyOn(verificationCache, "remember").mockImplementation((key, verdict) => {
    records.set(key, verdict);
    return Promise.resolve();
  });
  vi.mocked(recordOf).mockReturnValue(undefined);
  vi.mocked(warmUp).mockResolvedValue(undefined);
  vi.mocked(overflows).mockResolvedValue(false);
  vi.mocked(answerTestImage).mockImplementation((model, _side, { draft }) => {
    const { kind } = model as unknown as { kind: "ort" | "webgpu" };
    return Promise.resolve(tokens(words[kind][draft ? 1 : 0]));
  });
  vi.mocked(tryBackend).mockImplementation(async (_job, plan, open, check) => {
    const path = await open({} as never, () => undefined);
    const model = Object.assign(
      new (LoadedModel as new () => LoadedModel)(),
      path,
      plan,
    );
    const wrong = await check(model, path);
    if (wrong === undefined) return model;
    story.push("freed");
    return wrong;
  });
});

const run = (backend: BackendChoice = "auto", on: Gpu | undefined = gpu(1)) => {
  const signal = new AbortController().signal;
  const job = { options: { backend }, signal } as LoadJob;
  const info = { backend: "ort" };
  return openModel(job, { info, gpu: on } as unknown as LoadPlan);
};

/** Of what became of it. */
async function infoOf(outcome: Promise<LoadedModel | Graph>) {
  const { info } = (await outcome) as LoadedModel;
  return [info.backend, info.backendReason];
}

test("the plain path answers and makes way for one that agrees", async () => {
  expect(await infoOf(run())).toEqual(["webgpu", undefined]);
  expect(story).toEqual(["ort", "freed", "device", "webgpu"]);
  expect(records.get("key")).toEqual({ tokens: tokens("abc") });
});

test("the plain path alone, where it is asked for", async () => {
  expect(await infoOf(run("ort"))).toEqual(["ort", undefined]);
  expect(story).toEqual(["ort"]);
  expect(planWebGpuBackend).not.toHaveBeenCalled();
});

test("on the processor there is no other", async () => {
  const job = { options: { backend: "auto" } } as LoadJob;
  const plan = {
    info: { backend: "ort" },
    gpu: undefined,
  } as unknown as LoadPlan;
  const outcome = openModel(job, plan);
  expect(await infoOf(outcome)).toEqual(["ort", "It needs WebGPU."]);
});

test.each([
  ["at once", ["abd", "abc"]],
  ["with a draft", ["abc", "abd"]],
  ["too briefly", ["ab", "ab"]],
] as const)("one that differs %s is let go of for good", async (_, said) => {
  words.webgpu = said;
  const [path, reason] = await infoOf(run());
  expect(path).toBe("ort");
  expect(reason).toMatch(/not say what the plain path says/);
  const both = ["ort", "freed", "device", "webgpu", "freed", "device", "ort"];
  expect(story).toEqual(both);

  story = [];
  words.webgpu = words.ort;
  expect(await infoOf(run())).toEqual([path, reason]);
  expect(story).toEqual(["ort"]);
});

test("what is on record spares the plain half", async () => {
  records.set("key", { tokens: tokens("abc") });
  expect(await infoOf(run())).toEqual(["webgpu", undefined]);
  expect(story).toEqual(["webgpu"]);
});

test("a record that does not hold is checked", async () => {
  records.set("key", { tokens: tokens("xyz") });
  expect(await infoOf(run())).toEqual(["webgpu", undefined]);
  const anew = ["ort", "freed", "device", "webgpu"];
  expect(story).toEqual(["webgpu", "freed", "device", ...anew]);
  expect(records.get("key")).toEqual({ tokens: tokens("abc") });
});

test("kernels that were chosen in an earlier load are tried anew before one is let go of", async () => {
  words.webgpu = ["abd", "abd"];
  const forgetChoices = vi.fn(() => {
    words.webgpu = words.ort;
    return Promise.resolve(true);
  });
  const record = { forget: forgetChoices } as unknown as ChoiceRecord;
  vi.mocked(recordOf).mockReturnValue(record);
  expect(await infoOf(run())).toEqual(["webgpu", undefined]);
  const again = ["webgpu", "freed", "device", "webgpu"];
  expect(story).toEqual(["ort", "freed", "device", ...again]);
  expect(recordOf).toHaveBeenCalledWith(gpu(2).device);
  expect(records.get("key")).toEqual({ tokens: tokens("abc") });
});

test("one that overflows is let go of for good", async () => {
  vi.mocked(overflows).mockResolvedValue(true);
  for (const outcome of [await infoOf(run()), await infoOf(run())]) {
    const [path, reason] = outcome;
    expect(path).toBe("ort");
    expect(reason).toMatch(/numbers that are none/);
  }
  expect(story.filter((what) => what === "webgpu")).toHaveLength(1);
});

test("what was asked to try a path is nobody's business later", async () => {
  await run();
  const { calls } = vi.mocked(answerTestImage).mock;
  const trials = calls.map(([, , { name }]) => name);
  // Plain, fast, fast with a draft, and again about the last picture.
  expect(trials).toHaveLength(4);
  expect(new Set(trials).size).toBe(3);
  expect(trials[3]).toBe(trials[2]);
  for (const name of trials) expect(name).toMatch(/^[0-9a-f-]{36}$/);
  expect(forget).toHaveBeenCalledTimes(1);
});

test("a failure leaves the record as it is, and compares nothing", async () => {
  const record = { tokens: tokens("abc") };
  records.set("key", record);
  vi.mocked(planWebGpuBackend).mockResolvedValue({
    open: () => Promise.reject(new Error("the device was lost")),
  });
  const [path, reason] = await infoOf(run());
  expect(path).toBe("ort");
  expect(reason).toMatch(/the device was lost/);
  expect(story).toEqual(["device", "ort"]);
  expect(records.get("key")).toBe(record);
});

test("without hashes nothing is on record", async () => {
  vi.mocked(verificationKey).mockResolvedValue(undefined);
  await run();
  await run();
  expect(story.filter((what) => what === "ort")).toHaveLength(2);
  expect(records.size).toBe(0);
});

test("graphs of another structure keep their sessions", async () => {
  vi.mocked(planWebGpuBackend).mockRejectedValue(
    new UnsupportedGraph("the attention is odd"),
  );
  const [path, reason] = await infoOf(run());
  expect(path).toBe("ort");
  expect(reason).toBe("It cannot run this model: the attention is odd");
  expect(story).toEqual(["ort"]);
});

test("a failure is told and tried again the next time", async () => {
  const open = vi.fn<WebGpuPlan["open"]>();
  open.mockRejectedValue(new Error("the device was lost"));
  vi.mocked(planWebGpuBackend).mockResolvedValue({ open });
  for (const time of [1, 2]) {
    const [path, reason] = await infoOf(run());
    expect(path).toBe("ort");
    expect(reason).toMatch(/the device was lost/);
    expect(open).toHaveBeenCalledTimes(time);
  }
  expect(records.size).toBe(0);
});

test.each([
  [new VlmError("unsupported", "The graph is captured nowhere.", ""), "failed"],
  [
    new UnsupportedGraph("the graph is captured nowhere"),
    "cannot run this model",
  ],
])(
  "what can never work is told and not tried again: %o",
  async (failure, how) => {
    const open = vi.fn<WebGpuPlan["open"]>();
    open.mockRejectedValue(failure);
    vi.mocked(planWebGpuBackend).mockResolvedValue({ open });
    for (let time = 0; time < 2; time++) {
      const [path, reason] = await infoOf(run());
      expect(path).toBe("ort");
      expect(reason).toMatch(new RegExp(`^It ${how}: .*captured nowhere`));
      expect(open).toHaveBeenCalledTimes(1);
    }
  },
);

test("an overflow is told before the other path is made", async () => {
  vi.mocked(warmUp).mockResolvedValue("vision_encoder");
  expect(await run()).toBe("vision_encoder");
  expect(story).toEqual(["ort", "freed"]);
});

test("an abort is no reason to go on with the plain path", async () => {
  const controller = new AbortController();
  const stopped = new Error("aborted");
  vi.mocked(planWebGpuBackend).mockResolvedValue({
    open: () => {
      controller.abort();
      return Promise.reject(stopped);
    },
  });
  const job = {
    options: { backend: "auto" },
    signal: controller.signal,
  } as LoadJob;
  const plan = { info: {}, gpu: gpu(1) } as unknown as LoadPlan;
  await expect(openModel(job, plan)).rejects.toBe(stopped);
  expect(story).toEqual(["ort", "freed", "device"]);
});
