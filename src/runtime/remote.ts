/**
 * The worker as its contract says. A file of its own, since the page needs
 * Comlink only once there is a worker.
 */
import { transfer, transferHandlers, wrap, type Remote } from "comlink";
import { serveFetch } from "./serve-fetch";
import type { WorkerStart } from "./start-worker";
import type { VlmWorker, WorkerSettings } from "../shared/protocol";
import { carryErrors } from "../shared/wire";

carryErrors(transferHandlers);

export type RemoteWorker = Remote<VlmWorker>;

export { transfer };

export function remoteOf(worker: Worker): RemoteWorker {
  return wrap<VlmWorker>(worker);
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
