import { describe, expect, test, vi } from "vitest";
import { VlmError } from "../shared/errors";
import { a, ask, b, setUpPool } from "../testing/worker-handles";
import { loadOf } from "../testing/requests";
import { FakeWorkers } from "../testing/workers";

describe("sharing", () => {
  test("ten handles of one model share one worker and one load", async () => {
    const { workers, handle } = setUpPool({ pace: 5 });
    const ready = vi.fn();
    const ten = Array.from({ length: 10 }, () => handle({ onReady: ready }));
    expect(workers.workers).toHaveLength(0);
    await Promise.all(ten.map((each) => each.load(a)));
    expect(workers.workers).toHaveLength(1);
    expect(workers.calls("load")).toHaveLength(1);
    expect(ready).toHaveBeenCalledTimes(10);

    const answers = await Promise.all(ten.map((each) => ask(each)));
    expect(answers.map(({ finish }) => finish)).toEqual(
      ten.map(() => "stop" as const),
    );
    for (const each of ten.slice(1)) each.release();
    expect(workers.ended).toBe(0);
    expect((await ask(ten[0] ?? handle())).finish).toBe("stop");
    ten[0]?.release();
    expect(workers.ended).toBe(1);
  });

  test("a later handle is ready at once, without a load", async () => {
    const { workers, handle } = setUpPool();
    await handle().load(a);
    const onReady = vi.fn();
    const second = handle({ onReady });
    expect(await second.load({ ...a })).toEqual(second.info);
    expect(onReady).toHaveBeenCalledOnce();
    expect(workers.calls("load")).toHaveLength(1);
  });

  test("a handle that joins a load gets its progress", async () => {
    const { handle } = setUpPool({ pace: 30 });
    const first = handle().load(a);
    await new Promise((resolve) => setTimeout(resolve, 150));
    const heard: number[] = [];
    const second = handle({ onProgress: ({ loaded }) => heard.push(loaded) });
    const loading = second.load(a);
    expect(heard[0]).toBeGreaterThan(0);
    await Promise.all([first, loading]);
    expect(heard).toEqual([...heard].sort((x, y) => x - y));
  });

  test("other models and other start options have other workers", async () => {
    const { workers, handle } = setUpPool();
    const others = new FakeWorkers();
    const other = handle({ worker: others.start });
    await Promise.all([handle().load(a), handle().load(b), other.load(a)]);
    expect(workers.workers).toHaveLength(2);
    expect(others.workers).toHaveLength(1);
  });

  test("progress is reported only to handles that wait for the load", async () => {
    const { handle } = setUpPool();
    const told = vi.fn();
    const idle = handle({ onProgress: told });
    await idle.load(a);
    told.mockClear();
    await handle().load(b);
    expect(told).not.toHaveBeenCalled();
  });

  test("listing models uses a running worker or starts one", async () => {
    const { workers, handle } = setUpPool();
    const first = handle();
    expect(await first.stored()).toEqual([]);
    expect(workers.workers).toHaveLength(1);
    await first.load(a);
    await handle().inspect(b);
    await handle().remove("key");
    expect(workers.workers).toHaveLength(1);
    first.release();
    expect(workers.ended).toBe(1);
  });
});

describe("turns", () => {
  test("ten handles with three requests each are answered in rounds", async () => {
    const { workers, handle } = setUpPool({ pace: 2 });
    const ten = Array.from({ length: 10 }, () => handle());
    await Promise.all(ten.map((each) => each.load(a)));
    const asked = ten.map((each, i) =>
      Promise.all([0, 1, 2].map((round) => ask(each, `${round} of ${i}`))),
    );
    await Promise.all(asked);
    const rounds = workers.fakes[0]?.asked.map(
      ({ messages }) => messages[0]?.text[0],
    );
    expect(rounds?.join("")).toBe(
      "0".repeat(10) + "1".repeat(10) + "2".repeat(10),
    );
  });

  test("live captions of one handle do not starve another's request", async () => {
    const { workers, handle } = setUpPool({ pace: 2 });
    const live = handle();
    const other = handle();
    await Promise.all([live.load(a), other.load(a)]);
    const controller = new AbortController();
    const caption = async (): Promise<void> => {
      while (!controller.signal.aborted) await ask(live, "live");
    };
    const captions = [caption(), caption(), caption()];
    await vi.waitFor(() =>
      expect(workers.fakes[0]?.asked.length).toBeGreaterThan(2),
    );
    const before = workers.fakes[0]?.asked.length ?? 0;
    await ask(other, "question");
    const between = workers.fakes[0]?.asked
      .slice(before)
      .findIndex(({ messages }) => messages[0]?.text === "question");
    expect(between).toBeLessThanOrEqual(1);
    controller.abort();
    await Promise.all(captions);
  });
});

describe("another model", () => {
  test("of the only user is loaded in the same worker", async () => {
    const { workers, handle } = setUpPool();
    const only = handle();
    await only.load(a);
    await only.load(b);
    expect(workers.workers).toHaveLength(1);
    expect(workers.calls("load")).toHaveLength(2);
  });

  test("of one of two users is loaded in a second worker; both answer meanwhile", async () => {
    const { workers, handle } = setUpPool();
    const stays = handle();
    const leaves = handle();
    await Promise.all([stays.load(a), leaves.load(a)]);
    workers.script = { info: { name: "b" }, pace: 20 };
    const loading = leaves.load(b);
    await vi.waitFor(() => expect(workers.workers).toHaveLength(2));
    await Promise.all([ask(leaves, "from leaves"), ask(stays, "from stays")]);
    expect(workers.fakes[0]?.calls).toContain("generate from leaves");
    expect((await loading).name).toBe("b");
    expect(leaves.info?.name).toBe("b");
    expect(stays.info?.name).toBe("fake");
    await Promise.all([ask(leaves, "later"), ask(stays, "later")]);
    expect(workers.fakes.map(({ calls }) => calls.at(-1))).toEqual([
      "generate later",
      "generate later",
    ]);
    // Back to the other: the worker it leaves has nobody left.
    await leaves.load(a);
    expect(workers.ended).toBe(1);
    expect(workers.calls("load")).toHaveLength(2);
  });

  test("that both users load is shared again", async () => {
    const { workers, handle } = setUpPool();
    const [one, two] = [handle(), handle()];
    await Promise.all([one.load(a), two.load(a)]);
    await Promise.all([one.load(b), two.load(b)]);
    expect(workers.workers).toHaveLength(2);
    expect(workers.ended).toBe(1);
    expect(workers.calls("load")).toHaveLength(2);
  });

  test("that fails to load leaves the previous one, and no extra worker", async () => {
    const { workers, handle } = setUpPool();
    const [stays, leaves] = [handle(), handle()];
    await Promise.all([stays.load(a), leaves.load(a)]);
    const loadError = new VlmError("offline", "No network.", "Connect.");
    workers.script = { loadError };
    await expect(leaves.load(b)).rejects.toMatchObject({ code: "offline" });
    expect(workers.ended).toBe(1);
    expect((await ask(leaves)).finish).toBe("stop");
    expect(leaves.has(a)).toBe(true);
  });

  test("ends the load of the one before", async () => {
    const { workers, handle } = setUpPool({ pace: 10 });
    const [stays, changes] = [handle(), handle()];
    await Promise.all([stays.load(a), changes.load(a)]);
    const first = changes.load(b);
    first.catch(() => undefined);
    await vi.waitFor(() => expect(workers.workers).toHaveLength(2));
    const back = changes.load(a);
    await expect(first).rejects.toMatchObject({ code: "aborted" });
    await back;
    expect(workers.ended).toBe(1);
    expect(changes.info?.name).toBe("fake");
  });

  test("whose load one user aborts keeps loading for the other", async () => {
    const { workers, handle } = setUpPool({ pace: 10 });
    const [one, two] = [handle(), handle()];
    const controller = new AbortController();
    const first = one.load(a, controller.signal);
    const second = two.load(a);
    setTimeout(() => controller.abort(), 40);
    await expect(first).rejects.toMatchObject({ code: "aborted" });
    await second;
    expect(workers.calls("load")).toHaveLength(1);
    expect(workers.calls("abortLoad")).toEqual([]);
  });

  test("loaded into a worker that another user was leaving: that user gets its own back", async () => {
    const { workers, handle } = setUpPool({ pace: 5 });
    const first = handle();
    await first.load(a);
    const leaving = first.load(b);
    leaving.catch(() => undefined);
    const second = handle().load(b);
    const third = first.load(loadOf("missing"));
    third.catch(() => undefined);
    workers.script = {
      loadError: new VlmError("offline", "No network.", "Connect."),
    };
    await Promise.allSettled([leaving, second, third]);
    expect(first.has(a)).toBe(false);
    workers.script = {};
    await ask(first, "again");
    expect(first.has(a)).toBe(true);
    expect(workers.fakes.at(-1)?.calls.at(-1)).toBe("generate again");
  });
});
