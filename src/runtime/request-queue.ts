import { aborted } from "../shared/abort";

interface Job {
  readonly leave: () => void;
  readonly run: () => Promise<void>;
}

/**
 * Runs one job at a time; a job that fails fails alone. Jobs of one user run in
 * order and users take turns, so nobody waits for two jobs of another.
 */
export class RequestQueue {
  readonly #waiting = new Map<object, Job[]>();
  /** The last turn of each user; the user with the oldest one is next. */
  readonly #turns = new WeakMap<object, number>();
  #turn = 0;
  #busy = false;

  /** A job aborted before its turn does not run and rejects with `aborted`. */
  add<T>(
    job: () => Promise<T>,
    signal?: AbortSignal,
    user: object = this,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const turn: Job = {
        leave: () => {
          this.#remove(user, turn);
          reject(aborted());
        },
        run: () => {
          signal?.removeEventListener("abort", turn.leave);
          return job().then(resolve, reject);
        },
      };
      if (signal?.aborted) {
        reject(aborted());
        return;
      }
      signal?.addEventListener("abort", turn.leave, { once: true });
      const own = this.#waiting.get(user);
      if (own) own.push(turn);
      else this.#waiting.set(user, [turn]);
      // Users who add a job in the same task have equal rights to be first.
      queueMicrotask(() => void this.#work());
    });
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (let job = this.#next(); job; job = this.#next()) await job.run();
    this.#busy = false;
  }

  #next(): Job | undefined {
    const turnOf = (user: object): number => this.#turns.get(user) ?? 0;
    const users = [...this.#waiting.keys()];
    const [user] = users.sort((a, b) => turnOf(a) - turnOf(b));
    if (!user) return undefined;
    this.#turns.set(user, ++this.#turn);
    const [job, ...rest] = this.#waiting.get(user) ?? [];
    if (rest.length > 0) this.#waiting.set(user, rest);
    else this.#waiting.delete(user);
    return job;
  }

  #remove(user: object, job: Job): void {
    const jobs = this.#waiting.get(user);
    if (!jobs?.includes(job)) return;
    jobs.splice(jobs.indexOf(job), 1);
    if (jobs.length === 0) this.#waiting.delete(user);
  }
}
