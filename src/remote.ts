/**
 * The worker as its contract says. A file of its own, since the page needs
 * Comlink only once there is a worker.
 */
import { transfer, transferHandlers, wrap, type Remote } from "comlink";
import type { VlmWorker } from "./shared/protocol";
import { carryErrors } from "./shared/wire";

carryErrors(transferHandlers);

export type RemoteWorker = Remote<VlmWorker>;

export { transfer };

export function remoteOf(worker: Worker): RemoteWorker {
  return wrap<VlmWorker>(worker);
}
