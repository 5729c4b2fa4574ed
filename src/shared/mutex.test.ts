import { expect, test } from "vitest";
import { Mutex } from "./mutex";

const later = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

test("jobs never overlap and keep their order", async () => {
  const mutex = new Mutex();
  const log: string[] = [];
  const job = (name: string, ms: number) => async (): Promise<string> => {
    log.push(`${name} in`);
    await later(ms);
    log.push(`${name} out`);
    return name;
  };
  const results = [mutex.run(job("a", 10)), mutex.run(job("b", 0))];
  expect(await Promise.all(results)).toEqual(["a", "b"]);
  expect(log).toEqual(["a in", "a out", "b in", "b out"]);
});

test("a job that fails does not affect the others", async () => {
  const mutex = new Mutex();
  const rejects = mutex.run(() => Promise.reject(new Error("first")));
  const throws = mutex.run(() => {
    throw new Error("second");
  });
  const works = mutex.run(() => 3);
  await expect(rejects).rejects.toThrow("first");
  await expect(throws).rejects.toThrow("second");
  expect(await works).toBe(3);
});
