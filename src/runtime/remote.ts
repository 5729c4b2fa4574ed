/**
 * The Comlink side of a connection. A module of its own, because the page needs
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

/** Releases the proxy when `signal` aborts: Comlink keeps unanswered calls, and
 * what they refer to, until then. */
export function wrapWorker(worker: Worker, signal: AbortSignal): RemoteWorker {
  const remote = wrap<VlmWorker>(worker);
  signal.addEventListener("abort", () => remote[releaseProxy]());
  return remote;
}

export async function configure(
  remote: RemoteWorker,
  { wasmPaths, fetch }: WorkerStart,
): Promise<void> {
  const port = fetch && serveFetch(fetch);
  const settings: WorkerSettings = {
    ...(wasmPaths === undefined ? {} : { wasmPaths }),
    ...(port && { fetch: port }),
  };
  await remote.configure(transfer(settings, port ? [port] : []));
}
