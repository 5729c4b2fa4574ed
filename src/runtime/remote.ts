/**
 * The worker as its contract says. A file of its own, since the page needs
 * Comlink only once there is a worker.
 */
import {
  releaseProxy,
  transfer,
  transferHandlers,
  wrap,
  type Remote,
} from "comlink";
import { serveFetch } from "./serve-fetch";
import type { WorkerStart } from "./start-worker";
import type { VlmWorker, WorkerSettings } from "../shared/protocol";
import { transferErrors } from "../shared/error-transfer";

transferErrors(transferHandlers);

export type RemoteWorker = Remote<VlmWorker>;

export { transfer };

/**
 * Until `signal` aborts: Comlink keeps calls that are never answered, and with
 * them all that waits, as long as it is not told.
 */
export function remoteOf(worker: Worker, signal: AbortSignal): RemoteWorker {
  const remote = wrap<VlmWorker>(worker);
  signal.addEventListener("abort", () => remote[releaseProxy]());
  return remote;
}

export async function connect(
  remote: RemoteWorker,
  events: MessagePort,
  { wasmPaths, fetch }: WorkerStart,
): Promise<void> {
  const asked = fetch && serveFetch(fetch);
  const settings: WorkerSettings = {
    ...(wasmPaths === undefined ? {} : { wasmPaths }),
    ...(asked && { fetch: asked }),
  };
  await remote.connect(
    transfer(events, [events]),
    transfer(settings, asked ? [asked] : []),
  );
}
