import { expect, test } from "vitest";
import { Queue } from "./queue";

const later = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

test("jobs never overlap and keep their order", async () => {
  const queue = new Queue();
  const log: string[] = [];
  const job = (name: string, ms: number) => async (): Promise<string> => {
    log.push(`${name} in`);
    await later(ms);
    log.push(`${name} out`);
    return name;
  };
  const results = [queue.add(job("a", 10)), queue.add(job("b", 0))];
  expect(await Promise.all(results)).toEqual(["a", "b"]);
  expect(log).toEqual(["a in", "a out", "b in", "b out"]);
});

test("a failed job poisons no other", async () => {
  const queue = new Queue();
  const rejects = queue.add(() => Promise.reject(new Error("first")));
  const throws = queue.add(() => {
    throw new Error("second");
  });
  const works = queue.add(() => 3);
  await expect(rejects).rejects.toThrow("first");
  await expect(throws).rejects.toThrow("second");
  expect(await works).toBe(3);
});
