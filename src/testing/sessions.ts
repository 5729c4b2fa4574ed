import { onTestFinished } from "vitest";
import { createFastVlm, type FastVlm } from "../session/create-fast-vlm";
import type { Session } from "../session/session";
import type { FakeVlm, Script } from "./fake-worker";
import { FakeWorkers } from "./workers";

/** Sessions with scripted workers; they end with the test. */
export function fastVlm(script: Partial<Script> = {}): {
  readonly vlm: FastVlm;
  readonly workers: FakeWorkers;
} {
  const workers = new FakeWorkers(script);
  const vlm = createFastVlm({ worker: workers.start });
  onTestFinished(() => vlm.dispose());
  return { vlm, workers };
}

export async function openSession(script: Partial<Script> = {}): Promise<{
  readonly session: Session;
  readonly fake: FakeVlm;
  readonly workers: FakeWorkers;
}> {
  const { vlm, workers } = fastVlm(script);
  const session = await vlm.create({ model: "nano" });
  const [fake] = workers.fakes;
  if (!fake) throw new Error("No worker was started.");
  return { session, fake, workers };
}
