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

/** A pool of scripted workers; its leases end with the test. */
export function setUp(script: Partial<Script> = {}) {
  const pool = new WorkerPool();
  const workers = new FakeWorkers(script);
  const lease = (options: WorkerHandleOptions = {}): WorkerHandle => {
    const made = new WorkerHandle(pool, { worker: workers.start, ...options });
    onTestFinished(() => made.release());
    return made;
  };
  return { pool, workers, lease };
}

export async function ask(
  lease: WorkerHandle,
  text = "What?",
): Promise<Answer> {
  return lease.generate(request(text));
}

/** Two models. */
export const a = loadOf("a");
export const b = loadOf("b");
