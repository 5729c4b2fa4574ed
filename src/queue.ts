import { VlmError } from "./shared/errors";

/** Jobs one after another; a failed job fails alone. */
export class Queue {
  #tail: Promise<unknown> = Promise.resolve();

  /** A job aborted before its turn is not run and rejects with `aborted`. */
  add<T>(job: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = (): void => reject(aborted());
      const turn = async (): Promise<void> => {
        signal?.removeEventListener("abort", leave);
        if (signal?.aborted) leave();
        else await job().then(resolve, reject);
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#tail = this.#tail.then(turn);
    });
  }
}

export function aborted(): VlmError {
  return new VlmError("aborted", "It was stopped.", "Start it again.");
}
