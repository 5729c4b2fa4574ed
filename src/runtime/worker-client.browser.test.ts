import { afterEach, describe, expect, test, vi } from "vitest";
import type { TokenEvent } from "./request";
import { WorkerClient, type LoadProgress } from "./worker-client";
import { VlmError } from "../shared/errors";
import {
  FakeVlm,
  fakeWorker,
  killWorker,
  type Script,
} from "../testing/fake-worker";
import { loadOf, question, tinyPicture } from "../testing/requests";

const model = loadOf();
const options = question("Describe the image.");
const picture = tinyPicture;

const runtimes: WorkerClient[] = [];
afterEach(() => runtimes.splice(0).forEach((runtime) => runtime.dispose()));
afterEach(() => vi.restoreAllMocks());

function setUp(script: Partial<Script> = {}) {
  const fakes: FakeVlm[] = [];
  const workers: Worker[] = [];
  const onProgress = vi.fn<(event: LoadProgress) => void>();
  const onReady = vi.fn();
  const onLost = vi.fn();
  const runtime = new WorkerClient({
    onProgress,
    onReady,
    onLost,
    worker: () => {
      const fake = new FakeVlm(script);
      const worker = fakeWorker(fake);
      fakes.push(fake);
      workers.push(worker);
      return worker;
    },
  });
  runtimes.push(runtime);
  return { runtime, fakes, workers, onProgress, onReady, onLost };
}

test("loads with progress, answers with tokens", async () => {
  const { runtime, onProgress } = setUp();
  expect(await runtime.load(model)).toMatchObject({ size: 256 });
  expect(onProgress.mock.calls.map(([event]) => event)).toContainEqual(
    expect.objectContaining({ phase: "warming" }),
  );
  const tokens: TokenEvent[] = [];
  const answer = await runtime.describe([await picture()], options, {
    onToken: (token) => tokens.push(token),
  });
  expect(answer.text).toBe("A red circle on a white background.");
  expect(tokens.map(({ text }) => text).join("")).toBe(answer.text);
  expect(tokens[0]?.timings).toBeDefined();
});

test("what is downloaded is to stay; a folder is not downloaded", async () => {
  const persist = vi.spyOn(navigator.storage, "persist");
  const { runtime } = setUp();
  const folder = { kind: "folder", name: "mine", files: [] } as const;
  await runtime.load({ ...model, model: folder });
  expect(persist).not.toHaveBeenCalled();
  await runtime.load(model);
  expect(persist).toHaveBeenCalledOnce();
});

test("a loaded model is not loaded again, another one is", async () => {
  const { runtime, fakes } = setUp();
  await runtime.load(model);
  await runtime.load({ ...model });
  await runtime.load({ ...model, dtype: "q4" });
  expect(fakes[0]?.calls).toEqual([
    `load http://localhost/models/fake/ fp32`,
    `load http://localhost/models/fake/ q4`,
  ]);
});

test("without a model it says so and closes the frame", async () => {
  const { runtime } = setUp();
  const frame = await picture();
  await expect(runtime.describe([frame], options)).rejects.toMatchObject({
    code: "not-loaded",
  });
  expect(frame.width).toBe(0);
});

test("hands the frame over instead of copying it", async () => {
  const { runtime } = setUp({ pace: 50 });
  await runtime.load(model);
  const frame = await picture();
  const answer = runtime.describe([frame], options);
  await vi.waitFor(() => expect(frame.width).toBe(0));
  await answer;
});

test("in its turn, newer frames take the place of what was handed over", async () => {
  const { runtime, fakes } = setUp();
  await runtime.load(model);
  const seen: number[] = [];
  const [fake] = fakes;
  const describe = fake?.describe.bind(fake);
  if (!fake || !describe) throw new Error("no worker");
  fake.describe = (frames, options) => {
    seen.push(...frames.map((frame) => ("width" in frame ? frame.width : 0)));
    return describe(frames, options);
  };
  const old = await picture();
  const newer = await createImageBitmap(new ImageData(8, 8));
  await runtime.describe([old], options, { renew: () => [newer] });
  expect(seen).toEqual([8]);
  expect([old.width, newer.width]).toEqual([0, 0]);

  const gone = await createImageBitmap(new ImageData(8, 8));
  gone.close();
  const bad = runtime.describe([await picture()], options, {
    renew: () => [gone],
  });
  await expect(bad).rejects.toMatchObject({ code: "bad-image" });
});

test("a frame that cannot be handed over fails alone", async () => {
  const { runtime } = setUp();
  await runtime.load(model);
  const gone = await picture();
  gone.close();
  await expect(runtime.describe([gone], options)).rejects.toMatchObject({
    code: "bad-image",
  });
  const good = await runtime.describe([await picture()], options);
  expect(good.finish).toBe("stop");
});

test("keeps a typed error, and the next run is unharmed", async () => {
  const error = new VlmError("out-of-memory", "Too big.", "Take a small one.");
  const { runtime } = setUp({ runErrors: { 1: error } });
  await runtime.load(model);
  const bad = runtime.describe([await picture()], options);
  const good = runtime.describe([await picture()], options);
  await expect(bad).rejects.toMatchObject({
    code: "out-of-memory",
    message: "Too big.",
    advice: "Take a small one.",
  });
  await expect(bad).rejects.toBeInstanceOf(VlmError);
  expect((await good).finish).toBe("stop");
});

describe("abort", () => {
  test("in flight: ends within one token with what was said", async () => {
    const { runtime } = setUp({ pace: 20 });
    await runtime.load(model);
    const controller = new AbortController();
    const { signal } = controller;
    let after = 0;
    const answer = await runtime.describe([await picture()], options, {
      signal,
      onToken: () => {
        if (signal.aborted) after += 1;
        controller.abort();
      },
    });
    expect(answer).toMatchObject({ finish: "abort", text: "A" });
    expect(after).toBeLessThanOrEqual(1);
  });

  test("in flight: tokens that were on their way are not heard", async () => {
    const { runtime, fakes } = setUp();
    await runtime.load(model);
    for (const fake of fakes) fake.abort = () => undefined;
    const controller = new AbortController();
    const heard: string[] = [];
    const answer = await runtime.describe([await picture()], options, {
      signal: controller.signal,
      onToken: ({ text }) => {
        heard.push(text);
        if (heard.length === 2) controller.abort();
      },
    });
    expect(heard).toEqual(["A", " red"]);
    expect(answer).toMatchObject({
      finish: "abort",
      text: "A red",
      tokenIds: [0, 1],
    });
  });

  test("before its turn: rejects and closes the frame", async () => {
    const { runtime, fakes } = setUp({ pace: 10 });
    await runtime.load(model);
    const controller = new AbortController();
    const first = runtime.describe([await picture()], options);
    const frame = await picture();
    const second = runtime.describe([frame], options, {
      signal: controller.signal,
    });
    controller.abort();
    await expect(second).rejects.toMatchObject({ code: "aborted" });
    expect(frame.width).toBe(0);
    await first;
    const runs = fakes[0]?.calls.filter((call) => call.startsWith("desc"));
    expect(runs).toHaveLength(1);
  });

  test("a load: rejects, and can be begun again", async () => {
    const { runtime } = setUp({ pace: 20 });
    const controller = new AbortController();
    const loading = runtime.load(model, controller.signal);
    setTimeout(() => controller.abort(), 50);
    await expect(loading).rejects.toMatchObject({ code: "aborted" });
    expect(await runtime.load(model)).toMatchObject({ name: "fake" });
  });
});

describe("a worker that dies", () => {
  test("rejects what is pending; the next call brings the model back", async () => {
    const { runtime, workers, fakes, onLost, onReady } = setUp({ pace: 20 });
    await runtime.load(model);
    const pending = runtime.describe([await picture()], options);
    const queued = runtime.describe([await picture()], options);
    setTimeout(() => workers[0] && killWorker(workers[0]), 60);
    await expect(pending).rejects.toMatchObject({ code: "worker-died" });
    expect((await queued).finish).toBe("stop");
    expect(workers).toHaveLength(2);
    expect(fakes[1]?.calls[0]).toBe(`load http://localhost/models/fake/ fp32`);
    expect(onLost).toHaveBeenCalledOnce();
    expect(onReady).toHaveBeenCalledTimes(2);
  });

  test("one whose file does not come says how to start it", async () => {
    const url = URL.createObjectURL(new Blob());
    URL.revokeObjectURL(url);
    const runtime = new WorkerClient({ worker: () => new Worker(url) });
    await expect(runtime.load(model)).rejects.toMatchObject({
      code: "worker-died",
      advice: expect.stringContaining("option worker") as string,
    });
    runtime.dispose();
  });

  test("a real one that throws, and one that does not start", async () => {
    const scripts = [
      `onmessage = () => { throw new Error("a bug"); };`,
      `this is no program`,
    ];
    for (const script of scripts) {
      const url = URL.createObjectURL(new Blob([script]));
      const runtime = new WorkerClient({ worker: () => new Worker(url) });
      await expect(runtime.load(model)).rejects.toMatchObject({
        code: "worker-died",
      });
      runtime.dispose();
      URL.revokeObjectURL(url);
    }
  });
});

test("after a lost device the model is loaded again", async () => {
  const { runtime, fakes, onLost } = setUp();
  await runtime.load(model);
  fakes[0]?.send({ type: "device-lost", message: "reset" });
  await vi.waitFor(() => expect(onLost).toHaveBeenCalledOnce());
  expect(onLost.mock.calls[0]?.[0]).toMatchObject({ code: "device-lost" });
  await runtime.describe([await picture()], options);
  const loads = fakes[0]?.calls.filter((call) => call.startsWith("load"));
  expect(loads).toHaveLength(2);
});

test("a failed load leaves the runtime usable", async () => {
  const loadError = new VlmError("model-corrupt", "Cut.", "Fetch it again.");
  const { runtime } = setUp({ loadError });
  await expect(runtime.load(model)).rejects.toMatchObject({
    code: "model-corrupt",
    advice: "Fetch it again.",
  });
  await expect(
    runtime.describe([await picture()], options),
  ).rejects.toMatchObject({ code: "not-loaded" });
});

test("dispose rejects what is pending", async () => {
  const { runtime } = setUp({ pace: 20 });
  const loading = runtime.load(model);
  setTimeout(() => runtime.dispose(), 30);
  await expect(loading).rejects.toMatchObject({ code: "aborted" });
});
