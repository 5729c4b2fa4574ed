import { expect, test } from "vitest";
import { Queue } from "./queue";

const later = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

test("runs one job at a time, in order", async () => {
  const queue = new Queue();
  const log: string[] = [];
  const job = (name: string, ms: number) => async (): Promise<void> => {
    log.push(`${name} begins`);
    await later(ms);
    log.push(`${name} ends`);
  };
  await Promise.all([queue.add(job("a", 20)), queue.add(job("b", 1))]);
  expect(log).toEqual(["a begins", "a ends", "b begins", "b ends"]);
});

test("a failed job fails alone", async () => {
  const queue = new Queue();
  const failed = queue.add(() => Promise.reject(new Error("no")));
  const good = queue.add(() => Promise.resolve("yes"));
  await expect(failed).rejects.toThrow("no");
  await expect(good).resolves.toBe("yes");
});

test("a job aborted before its turn is not run, and rejects at once", async () => {
  const queue = new Queue();
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
