import { describe, expect, test, vi } from "vitest";
import { VlmError } from "../shared/errors";
import { killWorker } from "../testing/fake-worker";
import { imageFile } from "../testing/images";
import { fastVlm, openSession } from "../testing/sessions";

const red = "A red circle on a white background.";

describe("leaving", () => {
  test("by break ends the answer within one token", async () => {
    const { session, fake } = await openSession({ pace: 20 });
    const steps = session.describe(await imageFile());
    for await (const step of steps) if (step.type === "token") break;
    const { finish, tokenIds } = await steps.done();
    expect(finish).toBe("abort");
    expect(tokenIds.length).toBeLessThanOrEqual(2);
    expect(fake.calls.filter((call) => call === "abort")).toHaveLength(1);
  });

  test("by an error in the loop ends it, too", async () => {
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

  test("by returning from a function ends it, too", async () => {
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

  test("a stream that is cancelled before the first token does not wait", async () => {
    const { session } = await openSession({ pace: 500 });
    const steps = session.describe(await imageFile());
    const reader = steps[Symbol.asyncIterator]();
    const pending = reader.next();
    await reader.return?.();
    expect(await pending).toEqual({ done: true, value: undefined });
  });
});

describe("a signal", () => {
  test("ends what is read, and what is waited for, with aborted", async () => {
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

  test("that is aborted already asks nothing", async () => {
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
  test("are told to who reads and to who waits, and pass", async () => {
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

  test("nobody waits for are no unhandled rejections", async () => {
    const unhandled = vi.fn();
    addEventListener("unhandledrejection", unhandled);
    const { session } = await openSession();
    session.describe(new Blob(["no image"]));
    session.ask("And?");
    await new Promise((resolve) => setTimeout(resolve, 100));
    removeEventListener("unhandledrejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  test("a worker that dies is told, and is back with the next question", async () => {
    const { session, workers } = await openSession({ pace: 20 });
    const steps = session.describe(await imageFile());
    await vi.waitFor(() => expect(workers.calls("generate")).toHaveLength(1));
    if (workers.workers[0]) killWorker(workers.workers[0]);
    await expect(steps.done()).rejects.toMatchObject({ code: "worker-died" });
    expect((await session.ask("And?").done()).text).toBe(red);
    expect(workers.workers).toHaveLength(2);
  });
});

describe("disposing", () => {
  test("ends what goes on and frees the worker", async () => {
    const { session, workers } = await openSession({ pace: 20 });
    const steps = session.describe(await imageFile());
    await vi.waitFor(() => expect(workers.calls("generate")).toHaveLength(1));
    session.dispose();
    await expect(steps.done()).rejects.toMatchObject({ code: "aborted" });
    expect(workers.ended).toBe(1);
  });

  test("leaves nothing to ask", async () => {
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

  test("of one leaves the other session its worker", async () => {
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
