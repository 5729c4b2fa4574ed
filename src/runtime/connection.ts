import { lazyImport } from "./lazy-import";
import type * as Comlink from "./remote";
import type { RemoteWorker } from "./remote";
import { VlmError } from "../shared/errors";
import type { WorkerEvent } from "../shared/protocol";
import { startWorker, type WorkerStart } from "./start-worker";

/** To who has a bundler that does not know workers, mostly. */
const STARTED_BY_YOU =
  "Serve its file from this page's own origin, or give a function that starts it as the property or option worker.";

/** What is called on the worker; what it hands over goes through `transfer`. */
export type Call<T> = (
  remote: RemoteWorker,
  comlink: typeof Comlink,
) => Promise<T>;

/**
 * One worker, from its start to its end. Comlink leaves a call pending for ever
 * when the far side dies, so every call is registered here and rejected.
 */
export class Connection {
  readonly #worker: Worker;
  readonly #comlink: Promise<typeof Comlink>;
  #remote: RemoteWorker | undefined;
  readonly #events: MessagePort;
  readonly #pending = new Set<(reason: VlmError) => void>();
  readonly #listeners = new AbortController();
  #end: VlmError | undefined;

  constructor(
    start: WorkerStart,
    onEvent: (event: WorkerEvent) => void,
    onDeath: (reason: VlmError) => void,
  ) {
    this.#worker = started(start.worker ?? startWorker);
    const die = (reason: VlmError): void => {
      this.end(reason);
      onDeath(reason);
    };
    const fail = (event: Event): void => {
      event.preventDefault();
      die(died(event));
    };
    const { signal } = this.#listeners;
    this.#worker.addEventListener("error", fail, { signal });
    this.#worker.addEventListener("messageerror", fail, { signal });
    // Comes while the worker starts.
    const what = "What speaks to the model's worker";
    this.#comlink = lazyImport(() => import("./remote"), what);
    this.#comlink.catch((thrown: unknown) => die(VlmError.from(thrown)));

    const channel = new MessageChannel();
    this.#events = channel.port1;
    this.#events.onmessage = ({ data }: MessageEvent<WorkerEvent>) => {
      onEvent(data);
    };
    this.call((remote, { connect }) =>
      connect(remote, channel.port2, start),
    ).catch(() => undefined); // The first real call meets the same failure.
  }

  /** Calls the worker, in the order of the calls; rejects when it answers so, or
   * when it ends. */
  call<T>(run: Call<T>): Promise<T> {
    if (this.#end) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      this.#comlink
        .then((comlink) => {
          if (this.#end) throw this.#end;
          this.#remote ??= comlink.remoteOf(
            this.#worker,
            this.#listeners.signal,
          );
          return run(this.#remote, comlink);
        })
        .then(resolve, (thrown: unknown) => reject(VlmError.from(thrown)))
        .finally(() => this.#pending.delete(reject));
    });
  }

  /** Terminates the worker and rejects what was pending with `reason`. */
  end(reason: VlmError): void {
    if (this.#end) return;
    this.#end = reason;
    this.#listeners.abort();
    this.#worker.terminate();
    this.#events.close();
    for (const reject of this.#pending) reject(reason);
    this.#pending.clear();
  }
}

function started(start: () => Worker): Worker {
  try {
    const worker: unknown = start();
    if (!(worker instanceof EventTarget)) throw new Error("it is no Worker");
    return worker as Worker;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new VlmError(
      "worker-died",
      `The model's worker could not be started: ${why}`,
      STARTED_BY_YOU,
      { cause },
    );
  }
}

/** A worker whose file does not come, or is forbidden, says nothing. */
function died(event: Event): VlmError {
  const message = event instanceof ErrorEvent ? event.message : "";
  return message
    ? new VlmError(
        "worker-died",
        `The model's worker stopped: ${message}`,
        "It starts anew with the next picture. If it stops again, reload the page.",
      )
    : new VlmError(
        "worker-died",
        "The model's worker could not be loaded, or was ended.",
        STARTED_BY_YOU,
      );
}
