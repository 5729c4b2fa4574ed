/** Runs jobs one at a time, in order. A job that fails does not affect the next. */
export class Queue {
  #tail: Promise<unknown> = Promise.resolve();

  add<T>(job: () => T | Promise<T>): Promise<T> {
    const result = this.#tail.then(job);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
