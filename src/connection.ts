import { transfer, transferHandlers, wrap, type Remote } from "comlink";
import { VlmError } from "./shared/errors";
import type { VlmWorker, WorkerEvent } from "./shared/protocol";
import { carryErrors } from "./shared/wire";

carryErrors(transferHandlers);

/**
 * One worker, from its start to its end. Comlink leaves a call pending for ever
 * when the far side dies, so every call is registered here and rejected.
 */
export class Connection {
  readonly #worker: Worker;
  readonly #remote: Remote<VlmWorker>;
  readonly #events: MessagePort;
  readonly #pending = new Set<(reason: VlmError) => void>();
  readonly #listeners = new AbortController();
  #end: VlmError | undefined;

  constructor(
    start: () => Worker,
    onEvent: (event: WorkerEvent) => void,
    onDeath: (reason: VlmError) => void,
  ) {
    this.#worker = start();
    this.#remote = wrap<VlmWorker>(this.#worker);

    const die = (event: Event): void => {
      event.preventDefault();
      const reason = died(event);
      this.end(reason);
      onDeath(reason);
    };
    const { signal } = this.#listeners;
    this.#worker.addEventListener("error", die, { signal });
    this.#worker.addEventListener("messageerror", die, { signal });

    const channel = new MessageChannel();
    this.#events = channel.port1;
    this.#events.onmessage = ({ data }: MessageEvent<WorkerEvent>) => {
      onEvent(data);
    };
    this.call((remote) =>
      remote.connect(transfer(channel.port2, [channel.port2])),
    ).catch(() => undefined); // The first real call meets the same failure.
  }

  /** Calls the worker; rejects when it answers so, or when it ends. */
  call<T>(run: (remote: Remote<VlmWorker>) => Promise<T>): Promise<T> {
    if (this.#end) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      run(this.#remote)
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

function died(event: Event): VlmError {
  const message = event instanceof ErrorEvent ? event.message : "";
  return new VlmError(
    "worker-died",
    message
      ? `The model's worker stopped: ${message}`
      : "The model's worker stopped or could not be started.",
    "It starts anew with the next picture. If it stops again, reload the page.",
  );
}
