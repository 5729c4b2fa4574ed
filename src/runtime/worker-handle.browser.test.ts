import { describe, expect, test, vi } from "vitest";
import { killWorker } from "../testing/fake-worker";
import { a, ask, setUpPool } from "../testing/worker-handles";
import { request } from "../testing/requests";

describe("release", () => {
  const released = { code: "aborted" };

  test("without a worker, and twice, does nothing", () => {
    const { workers, handle } = setUpPool();
    const idle = handle();
    idle.release();
    idle.release();
    expect(workers.workers).toHaveLength(0);
  });

  test("while loading rejects the load and ends the worker", async () => {
    const { workers, handle } = setUpPool({ pace: 20 });
    const one = handle();
    const loading = one.load(a);
    loading.catch(() => undefined);
    await vi.waitFor(() => expect(workers.calls("load")).toHaveLength(1));
    one.release();
    expect(workers.ended).toBe(1);
    await expect(loading).rejects.toMatchObject(released);
  });

  test("a load right after it is another load", async () => {
    const { pool, workers, handle } = setUpPool({ pace: 10 });
    const [one, two] = [handle(), handle()];
    one.load(a).catch(() => undefined);
    one.release();
    await one.load(a);
    await two.load(a);
    expect(two.entry).toBe(one.entry);
    expect(pool.stateOf({ worker: workers.start }, a)).toBe("loaded");
  });

  test("an aborted load starts no worker", async () => {
    const { workers, handle } = setUpPool();
    const one = handle();
    const loading = one.load(a, AbortSignal.abort());
    await expect(loading).rejects.toMatchObject(released);
    expect(one.entry).toBeUndefined();
    expect(workers.workers).toHaveLength(0);
  });

  test("while loading does not end the load of another handle", async () => {
    const { workers, handle } = setUpPool({ pace: 10 });
    const [one, two] = [handle(), handle()];
    const first = one.load(a);
    const second = two.load(a);
    first.catch(() => undefined);
    await vi.waitFor(() => expect(workers.calls("load")).toHaveLength(1));
    one.release();
    await expect(first).rejects.toMatchObject(released);
    expect((await second).name).toBe("fake");
    expect(workers.ended).toBe(0);
    expect(workers.calls("load")).toHaveLength(1);
  });

  test("during an answer ends it; another handle's request is answered", async () => {
    const { workers, handle } = setUpPool({ pace: 20 });
    const [one, two] = [handle(), handle()];
    await Promise.all([one.load(a), two.load(a)]);
    const speaking = ask(one);
    speaking.catch(() => undefined);
    const queued = ask(one);
    queued.catch(() => undefined);
    await vi.waitFor(() => expect(workers.fakes[0]?.asked).toHaveLength(1));
    const others = ask(two, "other");
    one.release();
    await expect(speaking).rejects.toMatchObject(released);
    await expect(queued).rejects.toMatchObject(released);
    expect((await others).finish).toBe("stop");
    expect(workers.calls("generate")).toEqual([
      "generate What?",
      "generate other",
    ]);
    expect(workers.calls("abort")).toEqual(["abort"]);
  });

  test("while inspecting, without other users, ends the worker", async () => {
    const { workers, handle } = setUpPool({ pace: 50 });
    const one = handle();
    const inspected = one.inspect(a);
    inspected.catch(() => undefined);
    await vi.waitFor(() => expect(workers.calls("inspect")).toHaveLength(1));
    one.release();
    await expect(inspected).rejects.toMatchObject(released);
    expect(workers.ended).toBe(1);
  });

  test("an aborted inspection rejects at once and ends in the worker", async () => {
    const { workers, handle } = setUpPool({ pace: 50 });
    const controller = new AbortController();
    const inspected = handle().inspect(a, undefined, controller.signal);
    inspected.catch(() => undefined);
    await vi.waitFor(() => expect(workers.calls("inspect")).toHaveLength(1));
    controller.abort();
    await expect(inspected).rejects.toMatchObject(released);
    await vi.waitFor(() => expect(workers.calls("abort")).toHaveLength(1));
  });

  test("the handle can be used again", async () => {
    const { workers, handle } = setUpPool();
    const one = handle();
    await one.load(a);
    one.release();
    expect(one.info).toBeUndefined();
    await expect(ask(one)).rejects.toMatchObject({ code: "not-loaded" });
    await one.load(a);
    expect((await ask(one)).finish).toBe("stop");
    expect(workers.workers).toHaveLength(2);
  });

  test("without a model a request rejects and takes no frames", async () => {
    const { handle } = setUpPool();
    const take = vi.fn();
    await expect(
      handle().generate(request("What?", { take })),
    ).rejects.toMatchObject({ code: "not-loaded" });
    expect(take).not.toHaveBeenCalled();
  });
});

describe("a worker that two share", () => {
  test("dies: both handles are notified, and both are restored", async () => {
    const { workers, handle } = setUpPool({ pace: 10 });
    const lost = [vi.fn(), vi.fn()] as const;
    const ready = [vi.fn(), vi.fn()] as const;
    const one = handle({ onLost: lost[0], onReady: ready[0] });
    const two = handle({ onLost: lost[1], onReady: ready[1] });
    await Promise.all([one.load(a), two.load(a)]);
    const speaking = ask(one);
    speaking.catch(() => undefined);
    await vi.waitFor(() => expect(workers.fakes[0]?.asked).toHaveLength(1));
    const queued = ask(two);
    if (workers.workers[0]) killWorker(workers.workers[0]);
    await expect(speaking).rejects.toMatchObject({ code: "worker-died" });
    expect((await queued).finish).toBe("stop");
    expect((await ask(one)).finish).toBe("stop");
    expect(workers.workers).toHaveLength(2);
    expect(workers.fakes[1]?.calls.filter((c) => /load/.test(c))).toHaveLength(
      1,
    );
    for (const told of lost) expect(told).toHaveBeenCalledOnce();
    for (const told of ready) expect(told).toHaveBeenCalledTimes(2);
  });

  test("loses its GPU: both handles are notified, and one load restores both", async () => {
    const { workers, handle } = setUpPool();
    const onLost = vi.fn();
    const [one, two] = [handle({ onLost }), handle({ onLost })];
    await Promise.all([one.load(a), two.load(a)]);
    workers.fakes[0]?.send({ type: "device-lost", message: "reset" });
    await vi.waitFor(() => expect(onLost).toHaveBeenCalledTimes(2));
    await Promise.all([ask(two), ask(one)]);
    expect(workers.calls("load")).toHaveLength(2);
    expect(workers.workers).toHaveLength(1);
  });

  test("dies while loading: both loads fail, and both can load again", async () => {
    const { workers, handle } = setUpPool({ pace: 20 });
    const [one, two] = [handle(), handle()];
    const loads = [one.load(a), two.load(a)];
    for (const load of loads) load.catch(() => undefined);
    await vi.waitFor(() => expect(workers.calls("load")).toHaveLength(1));
    if (workers.workers[0]) killWorker(workers.workers[0]);
    for (const load of loads) {
      await expect(load).rejects.toMatchObject({ code: "worker-died" });
    }
    await Promise.all([one.load(a), two.load(a)]);
    expect(workers.workers).toHaveLength(2);
  });
});

test("a worker that cannot be started: the error says why", async () => {
  const handle = setUpPool().handle({
    worker: () => {
      throw new DOMException("another origin", "SecurityError");
    },
  });
  const died = { code: "worker-died", message: /another origin/ };
  const expected = expect.objectContaining({
    code: died.code,
    message: expect.stringMatching(died.message) as string,
  }) as unknown;
  await expect(handle.load(a)).rejects.toEqual(expected);
  await expect(handle.inspect(a)).rejects.toEqual(expected);
});
