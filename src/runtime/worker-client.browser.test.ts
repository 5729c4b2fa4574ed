import { afterEach, describe, expect, test, vi } from "vitest";
import { WorkerClient } from "./worker-client";
import { VlmError } from "../shared/errors";
import type { Frame, LoadProgress, TokenEvent } from "../shared/protocol";
import {
  FakeVlm,
  fakeWorker,
  killWorker,
  type Script,
} from "../testing/fake-worker";
import { loadOf, request, tinyImage } from "../testing/requests";

const model = loadOf();
const about = (frame: Frame) =>
  request(undefined, { take: () => ({ frames: [frame] }) });

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
  const answer = await runtime.generate(
    request(undefined, { onToken: (token) => tokens.push(token) }),
  );
  expect(answer.text).toBe("A red circle on a white background.");
  expect(tokens.map(({ text }) => text).join("")).toBe(answer.text);
  expect(tokens[0]?.timings).toBeDefined();
});

test("reports the time left while a server limits requests", async () => {
  const { runtime, fakes, onProgress } = setUp();
  const inspected = vi.fn();
  const report = runtime.inspect(model, undefined, undefined, inspected);
  fakes[0]?.send({ type: "waiting", retryIn: 9 });
  await report;
  expect(inspected).toHaveBeenCalledWith(
    expect.objectContaining({ phase: "loading", retryIn: 9 }),
  );
  expect(onProgress).not.toHaveBeenCalled();
  await runtime.load(model);
  for (const [event] of onProgress.mock.calls) expect(event.retryIn).toBe(9);
  fakes[0]?.send({ type: "waiting" });
  await runtime.load(loadOf("another"));
  expect(onProgress.mock.lastCall?.[0]).not.toHaveProperty("retryIn");
});

test("asks for persistent storage, except for a local folder", async () => {
  const persist = vi.spyOn(navigator.storage, "persist");
  const { runtime } = setUp();
  const folder = { kind: "folder", name: "mine", files: [] } as const;
  await runtime.load({ ...model, model: folder });
  expect(persist).not.toHaveBeenCalled();
  await runtime.load(model);
  expect(persist).toHaveBeenCalledOnce();
});

test("loads another model, but not the same one again", async () => {
  const { runtime, fakes } = setUp();
  await runtime.load(model);
  await runtime.load({ ...model });
  await runtime.load({ ...model, dtype: "q4" });
  expect(fakes[0]?.calls).toEqual([
    `load http://localhost/models/fake/ fp32`,
    `load http://localhost/models/fake/ q4`,
  ]);
});

test("without a model a request rejects and takes no frames", async () => {
  const { runtime } = setUp();
  const take = vi.fn();
  await expect(
    runtime.generate(request(undefined, { take })),
  ).rejects.toMatchObject({ code: "not-loaded" });
  expect(take).not.toHaveBeenCalled();
});

test("transfers the frame instead of copying it", async () => {
  const { runtime } = setUp({ pace: 50 });
  await runtime.load(model);
  const frame = await tinyImage();
  const answer = runtime.generate(about(frame));
  await vi.waitFor(() => expect(frame.width).toBe(0));
  await answer;
});

test("takes the frames once, when the request's turn has come", async () => {
  const { runtime, fakes } = setUp();
  await runtime.load(model);
  const order: string[] = [];
  const ask = (name: string) =>
    runtime.generate(
      request(name, {
        take: async () => {
          order.push(`take ${name}`);
          return { frames: [await tinyImage()], imageIds: [name] };
        },
        onToken: ({ text }) => {
          if (text === ".") order.push(`last token ${name}`);
        },
      }),
    );
  await Promise.all([ask("a"), ask("b")]);
  const each = (name: string) => [`take ${name}`, `last token ${name}`];
  expect(order).toEqual([...each("a"), ...each("b")]);
  expect(fakes[0]?.asked.map(({ imageIds }) => imageIds)).toEqual([
    ["a"],
    ["b"],
  ]);
});

test("a take that returns no frames withdraws the request", async () => {
  const { runtime, fakes } = setUp();
  await runtime.load(model);
  const none = runtime.generate(request("a", { take: () => undefined }));
  await expect(none).rejects.toMatchObject({ code: "aborted" });
  expect(fakes[0]?.asked).toEqual([]);
  expect((await runtime.generate(request())).finish).toBe("stop");
});

test("aborted while it takes its frames, a request closes them", async () => {
  const { runtime, fakes } = setUp();
  await runtime.load(model);
  const controller = new AbortController();
  const frame = await tinyImage();
  const { signal } = controller;
  const answer = runtime.generate(
    request("a", {
      signal,
      take: () => {
        controller.abort();
        return { frames: [frame] };
      },
    }),
  );
  await expect(answer).rejects.toMatchObject({ code: "aborted" });
  expect(frame.width).toBe(0);
  expect(fakes[0]?.asked).toEqual([]);
});

test("a closed frame fails its own request only", async () => {
  const { runtime } = setUp();
  await runtime.load(model);
  const gone = await tinyImage();
  gone.close();
  await expect(runtime.generate(about(gone))).rejects.toBeInstanceOf(VlmError);
  const good = await runtime.generate(request());
  expect(good.finish).toBe("stop");
});

test("keeps the code and advice of an error; the next request works", async () => {
  const error = new VlmError("out-of-memory", "Too big.", "Take a small one.");
  const { runtime } = setUp({ runErrors: { 1: error } });
  await runtime.load(model);
  const bad = runtime.generate(request());
  const good = runtime.generate(request());
  await expect(bad).rejects.toMatchObject({
    code: "out-of-memory",
    message: "Too big.",
    advice: "Take a small one.",
  });
  await expect(bad).rejects.toBeInstanceOf(VlmError);
  expect((await good).finish).toBe("stop");
});

describe("abort", () => {
  test("in flight: resolves with the text so far within one token", async () => {
    const { runtime } = setUp({ pace: 20 });
    await runtime.load(model);
    const controller = new AbortController();
    const { signal } = controller;
    let after = 0;
    const answer = await runtime.generate(
      request(undefined, {
        signal,
        onToken: () => {
          if (signal.aborted) after += 1;
          controller.abort();
        },
      }),
    );
    expect(answer).toMatchObject({ finish: "abort", text: "A" });
    expect(after).toBeLessThanOrEqual(1);
  });

  test("in flight: tokens that arrive later are not reported", async () => {
    const { runtime, fakes } = setUp();
    await runtime.load(model);
    for (const fake of fakes) fake.abort = () => undefined;
    const controller = new AbortController();
    const heard: string[] = [];
    const answer = await runtime.generate(
      request(undefined, {
        signal: controller.signal,
        onToken: ({ text }) => {
          heard.push(text);
          if (heard.length === 2) controller.abort();
        },
      }),
    );
    expect(heard).toEqual(["A", " red"]);
    expect(answer).toMatchObject({
      finish: "abort",
      text: "A red",
      tokenIds: [0, 1],
    });
  });

  test("before its turn: rejects and takes no frames", async () => {
    const { runtime, fakes } = setUp({ pace: 10 });
    await runtime.load(model);
    const controller = new AbortController();
    const first = runtime.generate(request());
    const take = vi.fn();
    const second = runtime.generate(
      request(undefined, { take, signal: controller.signal }),
    );
    controller.abort();
    await expect(second).rejects.toMatchObject({ code: "aborted" });
    expect(take).not.toHaveBeenCalled();
    await first;
    const runs = fakes[0]?.calls.filter((call) => call.startsWith("generate"));
    expect(runs).toHaveLength(1);
  });

  test("a load: rejects, and can be repeated", async () => {
    const { runtime } = setUp({ pace: 20 });
    const controller = new AbortController();
    const loading = runtime.load(model, controller.signal);
    setTimeout(() => controller.abort(), 50);
    await expect(loading).rejects.toMatchObject({ code: "aborted" });
    expect(await runtime.load(model)).toMatchObject({ name: "fake" });
  });
});

describe("a worker that dies", () => {
  test("rejects pending calls; the next call restores the model", async () => {
    const { runtime, workers, fakes, onLost, onReady } = setUp({ pace: 20 });
    await runtime.load(model);
    const pending = runtime.generate(request());
    const queued = runtime.generate(request());
    setTimeout(() => workers[0] && killWorker(workers[0]), 60);
    await expect(pending).rejects.toMatchObject({ code: "worker-died" });
    expect((await queued).finish).toBe("stop");
    expect(workers).toHaveLength(2);
    expect(fakes[1]?.calls[0]).toBe(`load http://localhost/models/fake/ fp32`);
    expect(onLost).toHaveBeenCalledOnce();
    expect(onReady).toHaveBeenCalledTimes(2);
  });

  test("a worker file that cannot be loaded: the advice says how to start it", async () => {
    const url = URL.createObjectURL(new Blob());
    URL.revokeObjectURL(url);
    const runtime = new WorkerClient({ worker: () => new Worker(url) });
    await expect(runtime.load(model)).rejects.toMatchObject({
      code: "worker-died",
      advice: expect.stringContaining("option `worker`") as string,
    });
    runtime.dispose();
  });

  test("a real worker that throws, and one that does not start", async () => {
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
  await runtime.generate(request());
  const loads = fakes[0]?.calls.filter((call) => call.startsWith("load"));
  expect(loads).toHaveLength(2);
});

test("the client works after a failed load", async () => {
  const loadError = new VlmError("model-corrupt", "Cut.", "Fetch it again.");
  const { runtime } = setUp({ loadError });
  await expect(runtime.load(model)).rejects.toMatchObject({
    code: "model-corrupt",
    advice: "Fetch it again.",
  });
  await expect(runtime.generate(request())).rejects.toMatchObject({
    code: "not-loaded",
  });
});

test("dispose rejects pending calls", async () => {
  const { runtime } = setUp({ pace: 20 });
  const loading = runtime.load(model);
  setTimeout(() => runtime.dispose(), 30);
  await expect(loading).rejects.toMatchObject({ code: "aborted" });
});
