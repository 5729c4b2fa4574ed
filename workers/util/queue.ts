/**
 * One job at a time, in order. A job that fails rejects its own promise and
 * nothing else: the next one starts as if it had succeeded.
 */
export class Queue {
  #tail: Promise<unknown> = Promise.resolve();

  add<T>(job: () => T | Promise<T>): Promise<T> {
    const result = this.#tail.then(job);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
