import { describe, expect, test, vi } from "vitest";
import { killWorker } from "../testing/fake-worker";
import { a, ask, setUp } from "../testing/leases";
import { request } from "../testing/requests";

describe("release", () => {
  const released = { code: "aborted" };

  test("before anything is harmless, and twice", () => {
    const { workers, lease } = setUp();
    const idle = lease();
    idle.release();
    idle.release();
    expect(workers.workers).toHaveLength(0);
  });

  test("while loading rejects the load and ends the worker", async () => {
    const { workers, lease } = setUp({ pace: 20 });
    const one = lease();
    const loading = one.load(a);
    loading.catch(() => undefined);
    await vi.waitFor(() => expect(workers.calls("load")).toHaveLength(1));
    one.release();
    expect(workers.ended).toBe(1);
    await expect(loading).rejects.toMatchObject(released);
  });

  test("what is asked for in the same breath is another load", async () => {
    const { pool, workers, lease } = setUp({ pace: 10 });
    const [one, two] = [lease(), lease()];
    one.load(a).catch(() => undefined);
    one.release();
    await one.load(a);
    await two.load(a);
    expect(two.entry).toBe(one.entry);
    expect(pool.stateOf({ worker: workers.start }, a)).toBe("loaded");
  });

  test("what is aborted before it begins needs no worker", async () => {
    const { workers, lease } = setUp();
    const one = lease();
    const loading = one.load(a, AbortSignal.abort());
    await expect(loading).rejects.toMatchObject(released);
    expect(one.entry).toBeUndefined();
    expect(workers.workers).toHaveLength(0);
  });

  test("while loading leaves the load to who else waits for it", async () => {
    const { workers, lease } = setUp({ pace: 10 });
    const [one, two] = [lease(), lease()];
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

  test("while speaking ends it; the other's queued question is answered", async () => {
    const { workers, lease } = setUp({ pace: 20 });
    const [one, two] = [lease(), lease()];
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
    expect(workers.calls("describe")).toEqual([
      "describe What?",
      "describe other",
    ]);
    expect(workers.calls("abort")).toEqual(["abort"]);
  });

  test("while inspecting, and while nobody else is there, ends it", async () => {
    const { workers, lease } = setUp({ pace: 50 });
    const one = lease();
    const inspected = one.inspect(a);
    inspected.catch(() => undefined);
    await vi.waitFor(() => expect(workers.calls("inspect")).toHaveLength(1));
    one.release();
    await expect(inspected).rejects.toMatchObject(released);
    expect(workers.ended).toBe(1);
  });

  test("after it, the lease starts anew", async () => {
    const { workers, lease } = setUp();
    const one = lease();
    await one.load(a);
    one.release();
    expect(one.info).toBeUndefined();
    await expect(ask(one)).rejects.toMatchObject({ code: "not-loaded" });
    await one.load(a);
    expect((await ask(one)).finish).toBe("stop");
    expect(workers.workers).toHaveLength(2);
  });

  test("without a model a request rejects and takes no frames", async () => {
    const { lease } = setUp();
    const take = vi.fn();
    await expect(
      lease().generate(request("What?", { take })),
    ).rejects.toMatchObject({ code: "not-loaded" });
    expect(take).not.toHaveBeenCalled();
  });
});

describe("a worker that two share", () => {
  test("dies: both are told, and both come back", async () => {
    const { workers, lease } = setUp({ pace: 10 });
    const lost = [vi.fn(), vi.fn()] as const;
    const ready = [vi.fn(), vi.fn()] as const;
    const one = lease({ onLost: lost[0], onReady: ready[0] });
    const two = lease({ onLost: lost[1], onReady: ready[1] });
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

  test("loses its GPU: both are told, and one load brings both back", async () => {
    const { workers, lease } = setUp();
    const onLost = vi.fn();
    const [one, two] = [lease({ onLost }), lease({ onLost })];
    await Promise.all([one.load(a), two.load(a)]);
    workers.fakes[0]?.send({ type: "device-lost", message: "reset" });
    await vi.waitFor(() => expect(onLost).toHaveBeenCalledTimes(2));
    await Promise.all([ask(two), ask(one)]);
    expect(workers.calls("load")).toHaveLength(2);
    expect(workers.workers).toHaveLength(1);
  });

  test("dies while it loads: both loads fail, and both can load again", async () => {
    const { workers, lease } = setUp({ pace: 20 });
    const [one, two] = [lease(), lease()];
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

test("a worker that cannot be started says how to help it", async () => {
  const lease = setUp().lease({
    worker: () => {
      throw new DOMException("another origin", "SecurityError");
    },
  });
  const died = { code: "worker-died", message: /another origin/ };
  const expected = expect.objectContaining({
    code: died.code,
    message: expect.stringMatching(died.message) as string,
  }) as unknown;
  await expect(lease.load(a)).rejects.toEqual(expected);
  await expect(lease.inspect(a)).rejects.toEqual(expected);
});
