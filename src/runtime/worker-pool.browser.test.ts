import { describe, expect, test, vi } from "vitest";
import { VlmError } from "../shared/errors";
import { a, ask, b, setUp } from "../testing/leases";
import { loadOf } from "../testing/requests";
import { FakeWorkers } from "../testing/workers";

describe("sharing", () => {
  test("ten leases of one model are one worker and one load", async () => {
    const { workers, lease } = setUp({ pace: 5 });
    const ready = vi.fn();
    const ten = Array.from({ length: 10 }, () => lease({ onReady: ready }));
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
    expect((await ask(ten[0] ?? lease())).finish).toBe("stop");
    ten[0]?.release();
    expect(workers.ended).toBe(1);
  });

  test("who comes later is ready at once, without a load", async () => {
    const { workers, lease } = setUp();
    await lease().load(a);
    const onReady = vi.fn();
    const second = lease({ onReady });
    expect(await second.load({ ...a })).toEqual(second.info);
    expect(onReady).toHaveBeenCalledOnce();
    expect(workers.calls("load")).toHaveLength(1);
  });

  test("who joins a load hears how far it is", async () => {
    const { lease } = setUp({ pace: 30 });
    const first = lease().load(a);
    await new Promise((resolve) => setTimeout(resolve, 150));
    const heard: number[] = [];
    const second = lease({ onProgress: ({ loaded }) => heard.push(loaded) });
    const loading = second.load(a);
    expect(heard[0]).toBeGreaterThan(0);
    await Promise.all([first, loading]);
    expect(heard).toEqual([...heard].sort((x, y) => x - y));
  });

  test("other models, and other ways to start, have other workers", async () => {
    const { workers, lease } = setUp();
    const others = new FakeWorkers();
    const other = lease({ worker: others.start });
    await Promise.all([lease().load(a), lease().load(b), other.load(a)]);
    expect(workers.workers).toHaveLength(2);
    expect(others.workers).toHaveLength(1);
  });

  test("progress is told to who waits for it, and to nobody else", async () => {
    const { lease } = setUp();
    const told = vi.fn();
    const idle = lease({ onProgress: told });
    await idle.load(a);
    told.mockClear();
    await lease().load(b);
    expect(told).not.toHaveBeenCalled();
  });

  test("a listing takes a worker that is there, or begins one", async () => {
    const { workers, lease } = setUp();
    const first = lease();
    expect(await first.stored()).toEqual([]);
    expect(workers.workers).toHaveLength(1);
    await first.load(a);
    await lease().inspect(b);
    await lease().remove("key");
    expect(workers.workers).toHaveLength(1);
    first.release();
    expect(workers.ended).toBe(1);
  });
});

describe("turns", () => {
  test("ten leases with three questions each: round by round", async () => {
    const { workers, lease } = setUp({ pace: 2 });
    const ten = Array.from({ length: 10 }, () => lease());
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

  test("live captions of one do not starve another's question", async () => {
    const { workers, lease } = setUp({ pace: 2 });
    const live = lease();
    const other = lease();
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
  test("of a lease that is alone is loaded in the same worker", async () => {
    const { workers, lease } = setUp();
    const only = lease();
    await only.load(a);
    await only.load(b);
    expect(workers.workers).toHaveLength(1);
    expect(workers.calls("load")).toHaveLength(2);
  });

  test("of one of two is loaded beside; both answer meanwhile", async () => {
    const { workers, lease } = setUp();
    const stays = lease();
    const leaves = lease();
    await Promise.all([stays.load(a), leaves.load(a)]);
    workers.script = { info: { name: "b" }, pace: 20 };
    const loading = leaves.load(b);
    await vi.waitFor(() => expect(workers.workers).toHaveLength(2));
    await Promise.all([ask(leaves, "from leaves"), ask(stays, "from stays")]);
    expect(workers.fakes[0]?.calls).toContain("describe from leaves");
    expect((await loading).name).toBe("b");
    expect(leaves.info?.name).toBe("b");
    expect(stays.info?.name).toBe("fake");
    await Promise.all([ask(leaves, "later"), ask(stays, "later")]);
    expect(workers.fakes.map(({ calls }) => calls.at(-1))).toEqual([
      "describe later",
      "describe later",
    ]);
    // Back to the other: the worker it leaves has nobody left.
    await leaves.load(a);
    expect(workers.ended).toBe(1);
    expect(workers.calls("load")).toHaveLength(2);
  });

  test("of both, one after the other, is shared again", async () => {
    const { workers, lease } = setUp();
    const [one, two] = [lease(), lease()];
    await Promise.all([one.load(a), two.load(a)]);
    await Promise.all([one.load(b), two.load(b)]);
    expect(workers.workers).toHaveLength(2);
    expect(workers.ended).toBe(1);
    expect(workers.calls("load")).toHaveLength(2);
  });

  test("that fails leaves the one before, and no worker behind", async () => {
    const { workers, lease } = setUp();
    const [stays, leaves] = [lease(), lease()];
    await Promise.all([stays.load(a), leaves.load(a)]);
    const loadError = new VlmError("offline", "No network.", "Connect.");
    workers.script = { loadError };
    await expect(leaves.load(b)).rejects.toMatchObject({ code: "offline" });
    expect(workers.ended).toBe(1);
    expect((await ask(leaves)).finish).toBe("stop");
    expect(leaves.has(a)).toBe(true);
  });

  test("asked for after another ends that one's load", async () => {
    const { workers, lease } = setUp({ pace: 10 });
    const [stays, changes] = [lease(), lease()];
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

  test("that one gives up goes on loading for the other", async () => {
    const { workers, lease } = setUp({ pace: 10 });
    const [one, two] = [lease(), lease()];
    const controller = new AbortController();
    const first = one.load(a, controller.signal);
    const second = two.load(a);
    setTimeout(() => controller.abort(), 40);
    await expect(first).rejects.toMatchObject({ code: "aborted" });
    await second;
    expect(workers.calls("load")).toHaveLength(1);
    expect(workers.calls("abortLoad")).toEqual([]);
  });

  test("taken over by another: who had begun to leave gets its own back", async () => {
    const { workers, lease } = setUp({ pace: 5 });
    const first = lease();
    await first.load(a);
    const leaving = first.load(b);
    leaving.catch(() => undefined);
    const second = lease().load(b);
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
    expect(workers.fakes.at(-1)?.calls.at(-1)).toBe("describe again");
  });
});
