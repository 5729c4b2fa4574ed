import type * as RemoteModule from "./remote";
import type { RemoteWorker } from "./remote";
import { VlmError, sentence } from "../shared/errors";
import type { EventMessage } from "../shared/protocol";
import { startWorker, type WorkerStart } from "./start-worker";

const START_ADVICE =
  "Serve the worker's file from this page's origin, or set the property or option `worker` to a function that returns the Worker.";

/** One call; `transfer` of the module marks what moves to the worker. */
export type Call<T> = (
  remote: RemoteWorker,
  module: typeof RemoteModule,
) => Promise<T>;

/**
 * One worker, from its start to its end. Comlink never settles a call whose
 * worker died, so pending calls are registered and rejected here.
 */
export class Connection {
  readonly #worker: Worker;
  readonly #module: Promise<typeof RemoteModule>;
  #remote: RemoteWorker | undefined;
  readonly #pending = new Set<(reason: VlmError) => void>();
  readonly #listeners = new AbortController();
  #end: VlmError | undefined;

  constructor(
    start: WorkerStart,
    onEvent: (message: EventMessage) => void,
    onDeath: (reason: VlmError) => void,
  ) {
    this.#worker = tryStart(start.worker ?? startWorker);
    const die = (reason: VlmError): void => {
      this.end(reason);
      onDeath(reason);
    };
    const fail = (event: Event): void => {
      event.preventDefault();
      die(workerDied(event));
    };
    const { signal } = this.#listeners;
    this.#worker.addEventListener("error", fail, { signal });
    this.#worker.addEventListener("messageerror", fail, { signal });
    this.#worker.addEventListener(
      "message",
      ({ data }: MessageEvent<EventMessage | { readonly event?: never }>) => {
        if (data.event) onEvent(data);
      },
      { signal },
    );
    // Loads while the worker starts.
    this.#module = importRemote();
    this.#module.catch((thrown: unknown) => die(VlmError.from(thrown)));
    this.call((remote, { configure }) => configure(remote, start)).catch(
      () => undefined, // The first other call fails in the same way.
    );
  }

  /** Calls the worker, in the order of the calls. Rejects when the call does, or
   * when the worker ends. */
  call<T>(run: Call<T>): Promise<T> {
    if (this.#end) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      this.#module
        .then((module) => {
          if (this.#end) throw this.#end;
          this.#remote ??= module.wrapWorker(
            this.#worker,
            this.#listeners.signal,
          );
          return run(this.#remote, module);
        })
        .then(resolve, (thrown: unknown) => reject(VlmError.from(thrown)))
        .finally(() => this.#pending.delete(reject));
    });
  }

  /** Terminates the worker and rejects pending calls with `reason`. */
  end(reason: VlmError): void {
    if (this.#end) return;
    this.#end = reason;
    this.#listeners.abort();
    this.#worker.terminate();
    for (const reject of this.#pending) reject(reason);
    this.#pending.clear();
  }
}

async function importRemote(): Promise<typeof RemoteModule> {
  try {
    return await import("./remote");
  } catch (cause) {
    throw new VlmError(
      "download-failed",
      "A script of fast-vlm could not be loaded.",
      "Check the connection, then reload the page.",
      { cause },
    );
  }
}

function tryStart(start: () => Worker): Worker {
  try {
    const worker: unknown = start();
    if (!(worker instanceof EventTarget)) {
      throw new Error("the function did not return a Worker");
    }
    return worker as Worker;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new VlmError(
      "worker-died",
      sentence(`The model's worker could not be started: ${why}`),
      START_ADVICE,
      { cause },
    );
  }
}

/** A worker whose file cannot be loaded reports an event without a message. */
function workerDied(event: Event): VlmError {
  const message = event instanceof ErrorEvent ? event.message : "";
  return message
    ? new VlmError(
        "worker-died",
        sentence(`The model's worker stopped: ${message}`),
        "The next request restarts it. If it stops again, reload the page.",
      )
    : new VlmError(
        "worker-died",
        "The model's worker could not be loaded or was terminated.",
        START_ADVICE,
      );
}
