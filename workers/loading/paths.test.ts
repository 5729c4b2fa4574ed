import { beforeEach, expect, test, vi } from "vitest";
import type { Graph } from "../../src/shared/models";
import type { PathChoice } from "../../src/shared/protocol";
import { VlmError } from "../../src/shared/errors";
import { planFast, type FastPlan } from "../fast/open";
import { recordOf, type ChoiceRecord } from "../fast/substitute-record";
import { Unfit } from "../graphs/weight";
import { Model } from "../model";
import { reopenGpu } from "../ort/adapter";
import type { Gpu } from "../ort/device";
import { openPlain } from "../plain/open";
import { attempt } from "./attempt";
import { openModel } from "./paths";
import type { Job, Plan } from "./plan";
import { tryPicture } from "./trial";
import { verdictKey, verdicts, type Verdict } from "./verdicts";
import { overflows, warmUp } from "./warm-up";

vi.mock("../fast/open");
const forget = vi.hoisted(() => vi.fn());
vi.mock("../fast/substitute-record");
vi.mock("../model", () => ({
  Model: class {
    forget = forget;
  },
}));
vi.mock("../ort/adapter");
vi.mock("../plain/open");
vi.mock("./attempt");
vi.mock("./trial", async (original) => ({
  ...(await original<object>()),
  tryPicture: vi.fn(),
}));
vi.mock("./verdicts");
vi.mock("./warm-up");

/** What was done with devices and paths, in order. */
let story: string[];
/** What each path says, without and with a draft. */
let words: Record<"plain" | "fast", readonly [string, string]>;
let records: Map<string, Verdict>;
let devices: number;

const gpu = (number: number) =>
  ({ number, device: { number } }) as unknown as Gpu;
const tokens = (text: string) => [...text].map((c) => c.charCodeAt(0));

beforeEach(() => {
  vi.clearAllMocks();
  story = [];
  words = { plain: ["abc", "abc"], fast: ["abc", "abc"] };
  records = new Map();
  devices = 1;
  vi.mocked(openPlain).mockImplementation(() => {
    story.push("plain");
    return Promise.resolve({ kind: "plain" } as never);
  });
  const open: FastPlan["open"] = () => {
    story.push("fast");
    return Promise.resolve({ kind: "fast" } as never);
  };
  vi.mocked(planFast).mockResolvedValue({ open });
  vi.mocked(reopenGpu).mockImplementation(() => {
    story.push("device");
    return Promise.resolve(gpu(++devices));
  });
  vi.mocked(verdictKey).mockResolvedValue("key");
  vi.spyOn(verdicts, "recall").mockImplementation((key) =>
    Promise.resolve(records.get(key)),
  );
  vi.spyOn(verdicts, "remember").mockImplementation((key, verdict) => {
    records.set(key, verdict);
    return Promise.resolve();
  });
  vi.mocked(recordOf).mockReturnValue(undefined);
  vi.mocked(warmUp).mockResolvedValue(undefined);
  vi.mocked(overflows).mockResolvedValue(false);
  vi.mocked(tryPicture).mockImplementation((model, _side, { draft }) => {
    const { kind } = model as unknown as { kind: "plain" | "fast" };
    return Promise.resolve(tokens(words[kind][draft ? 1 : 0]));
  });
  vi.mocked(attempt).mockImplementation(async (_job, plan, open, check) => {
    const path = await open({} as never, () => undefined);
    const model = Object.assign(new (Model as new () => Model)(), path, plan);
    const wrong = await check(model, path);
    if (wrong === undefined) return model;
    story.push("freed");
    return wrong;
  });
});

const run = (path: PathChoice = "auto", on: Gpu | undefined = gpu(1)) => {
  const signal = new AbortController().signal;
  const job = { options: { path }, signal } as Job;
  const info = { path: "plain" };
  return openModel(job, { info, gpu: on } as unknown as Plan);
};

/** Of what became of it. */
async function infoOf(outcome: Promise<Model | Graph>) {
  const { info } = (await outcome) as Model;
  return [info.path, info.pathReason];
}

test("the plain path answers and makes way for one that agrees", async () => {
  expect(await infoOf(run())).toEqual(["fast", undefined]);
  expect(story).toEqual(["plain", "freed", "device", "fast"]);
  expect(records.get("key")).toEqual({ tokens: tokens("abc") });
});

test("the plain path alone, where it is asked for", async () => {
  expect(await infoOf(run("plain"))).toEqual(["plain", undefined]);
  expect(story).toEqual(["plain"]);
  expect(planFast).not.toHaveBeenCalled();
});

test("on the processor there is no other", async () => {
  const job = { options: { path: "auto" } } as Job;
  const plan = { info: { path: "plain" }, gpu: undefined } as unknown as Plan;
  const outcome = openModel(job, plan);
  expect(await infoOf(outcome)).toEqual(["plain", "It needs WebGPU."]);
});

test.each([
  ["at once", ["abd", "abc"]],
  ["with a draft", ["abc", "abd"]],
  ["too briefly", ["ab", "ab"]],
] as const)("one that differs %s is let go of for good", async (_, said) => {
  words.fast = said;
  const [path, reason] = await infoOf(run());
  expect(path).toBe("plain");
  expect(reason).toMatch(/not say what the plain path says/);
  const both = ["plain", "freed", "device", "fast", "freed", "device", "plain"];
  expect(story).toEqual(both);

  story = [];
  words.fast = words.plain;
  expect(await infoOf(run())).toEqual([path, reason]);
  expect(story).toEqual(["plain"]);
});

test("what is on record spares the plain half", async () => {
  records.set("key", { tokens: tokens("abc") });
  expect(await infoOf(run())).toEqual(["fast", undefined]);
  expect(story).toEqual(["fast"]);
});

test("a record that does not hold is checked", async () => {
  records.set("key", { tokens: tokens("xyz") });
  expect(await infoOf(run())).toEqual(["fast", undefined]);
  const anew = ["plain", "freed", "device", "fast"];
  expect(story).toEqual(["fast", "freed", "device", ...anew]);
  expect(records.get("key")).toEqual({ tokens: tokens("abc") });
});

test("kernels that were chosen in an earlier load are tried anew before one is let go of", async () => {
  words.fast = ["abd", "abd"];
  const forgetChoices = vi.fn(() => {
    words.fast = words.plain;
    return Promise.resolve(true);
  });
  const record = { forget: forgetChoices } as unknown as ChoiceRecord;
  vi.mocked(recordOf).mockReturnValue(record);
  expect(await infoOf(run())).toEqual(["fast", undefined]);
  const again = ["fast", "freed", "device", "fast"];
  expect(story).toEqual(["plain", "freed", "device", ...again]);
  expect(recordOf).toHaveBeenCalledWith(gpu(2).device);
  expect(records.get("key")).toEqual({ tokens: tokens("abc") });
});

test("one that overflows is let go of for good", async () => {
  vi.mocked(overflows).mockResolvedValue(true);
  for (const outcome of [await infoOf(run()), await infoOf(run())]) {
    const [path, reason] = outcome;
    expect(path).toBe("plain");
    expect(reason).toMatch(/numbers that are none/);
  }
  expect(story.filter((what) => what === "fast")).toHaveLength(1);
});

test("what was asked to try a path is nobody's business later", async () => {
  await run();
  const { calls } = vi.mocked(tryPicture).mock;
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
  vi.mocked(planFast).mockResolvedValue({
    open: () => Promise.reject(new Error("the device was lost")),
  });
  const [path, reason] = await infoOf(run());
  expect(path).toBe("plain");
  expect(reason).toMatch(/the device was lost/);
  expect(story).toEqual(["device", "plain"]);
  expect(records.get("key")).toBe(record);
});

test("without hashes nothing is on record", async () => {
  vi.mocked(verdictKey).mockResolvedValue(undefined);
  await run();
  await run();
  expect(story.filter((what) => what === "plain")).toHaveLength(2);
  expect(records.size).toBe(0);
});

test("graphs of another structure keep their sessions", async () => {
  vi.mocked(planFast).mockRejectedValue(new Unfit("the attention is odd"));
  const [path, reason] = await infoOf(run());
  expect(path).toBe("plain");
  expect(reason).toBe("It cannot run this model: the attention is odd");
  expect(story).toEqual(["plain"]);
});

test("a failure is told and tried again the next time", async () => {
  const open = vi.fn<FastPlan["open"]>();
  open.mockRejectedValue(new Error("the device was lost"));
  vi.mocked(planFast).mockResolvedValue({ open });
  for (const time of [1, 2]) {
    const [path, reason] = await infoOf(run());
    expect(path).toBe("plain");
    expect(reason).toMatch(/the device was lost/);
    expect(open).toHaveBeenCalledTimes(time);
  }
  expect(records.size).toBe(0);
});

test.each([
  [new VlmError("unsupported", "The graph is captured nowhere.", ""), "failed"],
  [new Unfit("the graph is captured nowhere"), "cannot run this model"],
])(
  "what can never work is told and not tried again: %o",
  async (failure, how) => {
    const open = vi.fn<FastPlan["open"]>();
    open.mockRejectedValue(failure);
    vi.mocked(planFast).mockResolvedValue({ open });
    for (let time = 0; time < 2; time++) {
      const [path, reason] = await infoOf(run());
      expect(path).toBe("plain");
      expect(reason).toMatch(new RegExp(`^It ${how}: .*captured nowhere`));
      expect(open).toHaveBeenCalledTimes(1);
    }
  },
);

test("an overflow is told before the other path is made", async () => {
  vi.mocked(warmUp).mockResolvedValue("vision_encoder");
  expect(await run()).toBe("vision_encoder");
  expect(story).toEqual(["plain", "freed"]);
});

test("an abort is no reason to go on with the plain path", async () => {
  const controller = new AbortController();
  const stopped = new Error("aborted");
  vi.mocked(planFast).mockResolvedValue({
    open: () => {
      controller.abort();
      return Promise.reject(stopped);
    },
  });
  const job = { options: { path: "auto" }, signal: controller.signal } as Job;
  const plan = { info: {}, gpu: gpu(1) } as unknown as Plan;
  await expect(openModel(job, plan)).rejects.toBe(stopped);
  expect(story).toEqual(["plain", "freed", "device"]);
});
