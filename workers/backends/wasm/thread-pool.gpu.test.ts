import { expect, test } from "vitest";
import type { PoolAnswer, PoolQuestion } from "./testing/pool.worker";

function ask(question: PoolQuestion): Promise<PoolAnswer> {
  const worker = new Worker(
    new URL("./testing/pool.worker.ts", import.meta.url),
    { type: "module" },
  );
  return new Promise<PoolAnswer>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<PoolAnswer>) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(question);
  }).finally(() => worker.terminate());
}

test("threads run every part of a job once", async () => {
  expect(await ask({ threads: 3, jobs: 5000, count: 997 })).toEqual({
    threads: 3,
    correct: true,
  });
});
