import { describe, expect, test, vi } from "vitest";
import { VlmError } from "../shared/errors";
import { killWorker } from "../testing/fake-worker";
import { imageFile } from "../testing/images";
import { fastVlm, openSession } from "../testing/sessions";

const red = "A red circle on a white background.";

describe("leaving the loop", () => {
  test("by break ends the answer within one token", async () => {
    const { session, fake } = await openSession({ pace: 20 });
    const steps = session.describe(await imageFile());
    for await (const step of steps) if (step.type === "token") break;
    const { finish, tokenIds } = await steps.done();
    expect(finish).toBe("abort");
    expect(tokenIds.length).toBeLessThanOrEqual(2);
    expect(fake.calls.filter((call) => call === "abort")).toHaveLength(1);
  });

  test("by an error ends the answer, too", async () => {
    const { session } = await openSession({ pace: 20 });
    const steps = session.describe(await imageFile());
    const read = async (): Promise<void> => {
      for await (const step of steps) {
        if (step.type === "token") throw new Error("mine");
      }
    };
    await expect(read()).rejects.toThrow("mine");
    expect((await steps.done()).finish).toBe("abort");
  });

  test("by return ends the answer, too", async () => {
    const { session } = await openSession({ pace: 20 });
    const steps = session.describe(await imageFile());
    const first = async (): Promise<string | undefined> => {
      for await (const step of steps)
        if (step.type === "token") return step.text;
      return undefined;
    };
    expect(await first()).toBe("A");
    expect((await steps.done()).finish).toBe("abort");
  });

  test("before the first token does not wait for it", async () => {
    const { session, fake } = await openSession();
    fake.script = { ...fake.script, pace: 500 };
    const steps = session.describe(await imageFile());
    const reader = steps[Symbol.asyncIterator]();
    const pending = reader.next();
    await reader.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
  });
});

describe("a signal", () => {
  test("ends the iterator and done with aborted", async () => {
    const { session } = await openSession({ pace: 20 });
    const controller = new AbortController();
    const { signal } = controller;
    const steps = session.describe(await imageFile(), { signal });
    let tokens = 0;
    const read = async (): Promise<void> => {
      for await (const step of steps) {
        if (step.type !== "token") continue;
        tokens += 1;
        controller.abort();
      }
    };
    await expect(read()).rejects.toMatchObject({ code: "aborted" });
    await expect(steps.done()).rejects.toBeInstanceOf(VlmError);
    expect(tokens).toBeLessThanOrEqual(2);
    expect((await session.ask("And?").done()).finish).toBe("stop");
  });

  test("that is aborted already sends no request", async () => {
    const { session, fake } = await openSession();
    const signal = AbortSignal.abort();
    const steps = session.describe(await imageFile(), { signal });
    await expect(steps.done()).rejects.toMatchObject({ code: "aborted" });
    const counted = session.count([], { signal });
    await expect(counted).rejects.toMatchObject({ code: "aborted" });
    expect(fake.asked).toEqual([]);
  });
});

describe("failures", () => {
  test("reject the iterator and done; the next request works", async () => {
    const error = new VlmError("out-of-memory", "Too big.", "Smaller.");
    const { session } = await openSession({ runErrors: { 1: error } });
    const steps = session.describe(await imageFile());
    const read = async (): Promise<void> => {
      for await (const step of steps) expect(step.type).not.toBe("done");
    };
    await expect(read()).rejects.toMatchObject({
      ...{ code: "out-of-memory", advice: "Smaller." },
    });
    await expect(steps.done()).rejects.toBeInstanceOf(VlmError);
    expect((await session.ask("Again?").done()).finish).toBe("stop");
  });

  test("that nobody waits for are not unhandled rejections", async () => {
    const unhandled = vi.fn();
    addEventListener("unhandledrejection", unhandled);
    const { session } = await openSession();
    session.describe(new Blob(["no image"]));
    session.ask("And?");
    await new Promise((resolve) => setTimeout(resolve, 100));
    removeEventListener("unhandledrejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  test("report a dead worker, which the next request restarts", async () => {
    const { session, workers } = await openSession({ pace: 20 });
    const steps = session.describe(await imageFile());
    await vi.waitFor(() => expect(workers.calls("generate")).toHaveLength(1));
    if (workers.workers[0]) killWorker(workers.workers[0]);
    await expect(steps.done()).rejects.toMatchObject({ code: "worker-died" });
    expect((await session.ask("And?").done()).text).toBe(red);
    expect(workers.workers).toHaveLength(2);
  });
});

describe("dispose", () => {
  test("ends running requests and terminates the worker", async () => {
    const { session, workers } = await openSession({ pace: 20 });
    const steps = session.describe(await imageFile());
    await vi.waitFor(() => expect(workers.calls("generate")).toHaveLength(1));
    session.dispose();
    await expect(steps.done()).rejects.toMatchObject({ code: "aborted" });
    expect(workers.ended).toBe(1);
  });

  test("rejects later calls", async () => {
    const { session, workers } = await openSession();
    await session[Symbol.asyncDispose]();
    await session[Symbol.asyncDispose]();
    const gone = {
      code: "aborted",
      message: "The session was disposed.",
    };
    const asked = session.describe(await imageFile()).done();
    await expect(asked).rejects.toMatchObject(gone);
    await expect(session.ask("And?").done()).rejects.toMatchObject(gone);
    await expect(session.count([])).rejects.toMatchObject(gone);
    expect(workers.workers).toHaveLength(1);
  });

  test("leaves the worker of another session running", async () => {
    const { vlm, workers } = fastVlm();
    const [one, two] = await Promise.all([
      vlm.create({ model: "nano" }),
      vlm.create({ model: "nano" }),
    ]);
    one.dispose();
    expect(workers.ended).toBe(0);
    expect((await two.describe(await imageFile()).done()).text).toBe(red);
    await vlm[Symbol.asyncDispose]();
    expect(workers.ended).toBe(1);
    expect(workers.workers).toHaveLength(1);
  });
});
