import { expect, test } from "vitest";
import { RequestQueue } from "./request-queue";

const later = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

test("runs one job at a time, in order", async () => {
  const queue = new RequestQueue();
  const log: string[] = [];
  const job = (name: string, ms: number) => async (): Promise<void> => {
    log.push(`${name} begins`);
    await later(ms);
    log.push(`${name} ends`);
  };
  await Promise.all([queue.add(job("a", 20)), queue.add(job("b", 1))]);
  expect(log).toEqual(["a begins", "a ends", "b begins", "b ends"]);
});

test("a job that fails does not affect the others", async () => {
  const queue = new RequestQueue();
  const failed = queue.add(() => Promise.reject(new Error("no")));
  const good = queue.add(() => Promise.resolve("yes"));
  await expect(failed).rejects.toThrow("no");
  await expect(good).resolves.toBe("yes");
});

test("a job aborted before its turn rejects at once and does not run", async () => {
  const queue = new RequestQueue();
  const first = queue.add(() => later(50));
  const controller = new AbortController();
  let ran = false;
  const second = queue.add(() => {
    ran = true;
    return Promise.resolve();
  }, controller.signal);
  controller.abort();
  await expect(second).rejects.toMatchObject({ code: "aborted" });
  await first;
  await queue.add(() => Promise.resolve());
  expect(ran).toBe(false);
});

test("users take turns however many jobs each has", async () => {
  const queue = new RequestQueue();
  const log: string[] = [];
  const add = (name: string, user: object): Promise<void> => {
    const job = async (): Promise<void> => {
      log.push(name);
      await later(1);
    };
    return queue.add(job, undefined, user);
  };
  const [a, b, c] = [{}, {}, {}];
  const first = ["a1", "a2", "a3"].map((name) => add(name, a));
  await later(0);
  const rest = [add("b1", b), add("b2", b), add("c1", c)];
  await Promise.all([...first, ...rest]);
  expect(log).toEqual(["a1", "b1", "c1", "a2", "b2", "a3"]);
});

test("a user who keeps adding jobs does not starve another", async () => {
  const queue = new RequestQueue();
  const greedy = {};
  const log: string[] = [];
  const again = async (): Promise<void> => {
    log.push("again");
    if (log.length < 5) void queue.add(again, undefined, greedy);
    await later(1);
  };
  void queue.add(again, undefined, greedy);
  await later(0);
  await queue.add(() => Promise.resolve(log.push("other")), undefined, {});
  expect(log).toEqual(["again", "other"]);
});

test("an aborted job does not change the order of the others", async () => {
  const queue = new RequestQueue();
  const user = {};
  const first = queue.add(() => later(10), undefined, user);
  const controller = new AbortController();
  const { signal } = controller;
  const gone = queue.add(() => Promise.resolve("gone"), signal, user);
  const good = queue.add(() => Promise.resolve("good"), undefined, user);
  controller.abort();
  await expect(gone).rejects.toMatchObject({ code: "aborted" });
  await first;
  await expect(good).resolves.toBe("good");
});
