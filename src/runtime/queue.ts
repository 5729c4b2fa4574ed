import { aborted } from "../shared/abort";

interface Job {
  readonly leave: () => void;
  readonly run: () => Promise<void>;
}

/**
 * Jobs one after another; a failed job fails alone. Those of one party run in
 * their order, and parties take turns: nobody waits for two jobs of another.
 */
export class RequestQueue {
  readonly #waiting = new Map<object, Job[]>();
  /** Of each party, its last turn: who had it longest ago comes first. */
  readonly #turns = new WeakMap<object, number>();
  #turn = 0;
  #busy = false;

  /** A job aborted before its turn is not run and rejects with `aborted`. */
  add<T>(
    job: () => Promise<T>,
    signal?: AbortSignal,
    party: object = this,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const turn: Job = {
        leave: () => {
          this.#remove(party, turn);
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
      const own = this.#waiting.get(party);
      if (own) own.push(turn);
      else this.#waiting.set(party, [turn]);
      // Whoever else comes in this same moment has the same right to be first.
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
    const turnOf = (party: object): number => this.#turns.get(party) ?? 0;
    const parties = [...this.#waiting.keys()];
    const [party] = parties.sort((a, b) => turnOf(a) - turnOf(b));
    if (!party) return undefined;
    this.#turns.set(party, ++this.#turn);
    const [job, ...rest] = this.#waiting.get(party) ?? [];
    if (rest.length > 0) this.#waiting.set(party, rest);
    else this.#waiting.delete(party);
    return job;
  }

  #remove(party: object, job: Job): void {
    const jobs = this.#waiting.get(party);
    if (!jobs?.includes(job)) return;
    jobs.splice(jobs.indexOf(job), 1);
    if (jobs.length === 0) this.#waiting.delete(party);
  }
}
