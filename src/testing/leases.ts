import { onTestFinished } from "vitest";
import { Lease, type LeaseOptions } from "../runtime/lease";
import { Pool } from "../runtime/pool";
import type { Answer } from "../shared/protocol";
import type { Script } from "./fake-worker";
import { loadOf, question, tinyPicture } from "./requests";
import { FakeWorkers } from "./workers";

/** A pool of scripted workers; its leases end with the test. */
export function setUp(script: Partial<Script> = {}) {
  const pool = new Pool();
  const workers = new FakeWorkers(script);
  const lease = (options: LeaseOptions = {}): Lease => {
    const made = new Lease(pool, { worker: workers.start, ...options });
    onTestFinished(() => made.release());
    return made;
  };
  return { pool, workers, lease };
}

export async function ask(lease: Lease, text = "What?"): Promise<Answer> {
  return lease.describe([await tinyPicture()], question(text));
}

/** Two models. */
export const a = loadOf("a");
export const b = loadOf("b");
