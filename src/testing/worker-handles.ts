import { onTestFinished } from "vitest";
import {
  WorkerHandle,
  type WorkerHandleOptions,
} from "../runtime/worker-handle";
import { WorkerPool } from "../runtime/worker-pool";
import type { Answer } from "../shared/protocol";
import type { Script } from "./fake-worker";
import { loadOf, request } from "./requests";
import { FakeWorkers } from "./workers";

/** A pool of scripted workers; its handles are released after the test. */
export function setUpPool(script: Partial<Script> = {}) {
  const pool = new WorkerPool();
  const workers = new FakeWorkers(script);
  const handle = (options: WorkerHandleOptions = {}): WorkerHandle => {
    const created = new WorkerHandle(pool, {
      worker: workers.start,
      ...options,
    });
    onTestFinished(() => created.release());
    return created;
  };
  return { pool, workers, handle };
}

export async function ask(
  handle: WorkerHandle,
  text = "What?",
): Promise<Answer> {
  return handle.generate(request(text));
}

/** Two models. */
export const a = loadOf("a");
export const b = loadOf("b");
